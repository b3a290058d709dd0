"""What calls to a server cost, and how many may come."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.rates import forms
from gatewayops.web.rest import Json
from gatewayops.web.servers import known
from gatewayops.web.visit import Done, Form, Visit

_ALL = 200


async def show(visit: Visit) -> Response:
    """Prices and limits that concern this server, the narrowest first."""
    server = await known.server_of(visit)
    prices, limits = await asyncio.gather(
        if_allowed(visit.rest.get("/v1/prices", limit=_ALL)),
        if_allowed(visit.rest.get("/v1/limits", limit=_ALL)),
    )
    return draw(
        visit,
        "servers/prices.html",
        server=server,
        prices=prices and _prices_of(prices["prices"], server),
        limits=limits and [one for one in limits["limits"] if _concerns(one, server)],
        is_cut=any(found and found["has_more"] for found in (prices, limits)),
    )


async def put_price(visit: Visit, form: Form) -> Done:
    """Sets a price of this server."""
    server = await known.server_of(visit)
    await forms.put_price(visit, form, server=server["name"])
    return Done(known.here(visit, "prices"), "The price is set.")


async def remove_price(visit: Visit, form: Form) -> Done:
    """Removes one of the prices that are shown."""
    await forms.remove_price(visit, form)
    return Done(known.here(visit, "prices"), "The price is removed.")


async def put_limit(visit: Visit, form: Form) -> Done:
    """Sets how many calls may come to this server, of everybody together."""
    server = await known.server_of(visit)
    await forms.put_limit(visit, form, scope="server", subject=server["id"])
    return Done(known.here(visit, "prices"), "The limit is set.")


async def remove_limit(visit: Visit, form: Form) -> Done:
    """Removes one of the limits that are shown."""
    await forms.remove_limit(visit, form)
    return Done(known.here(visit, "prices"), "The limit is removed.")


def _prices_of(prices: list[Json], server: Json) -> list[Json]:
    found = [one for one in prices if one["server"] in ("", server["name"])]
    return sorted(found, key=lambda one: (not one["server"], not one["tool"]))


def _concerns(limit: Json, server: Json) -> bool:
    return limit["scope"] == "global" or (
        limit["scope"] == "server" and limit["subject"] in ("*", server["id"])
    )
