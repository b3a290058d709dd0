"""The list of end users."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import choices_of
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 25
TABS = [("End users", "/end-users"), ("Clients", "/end-users/clients")]


async def show(visit: Visit) -> Response:
    """With the servers that they sign in to."""
    found, servers = await asyncio.gather(
        visit.rest.get(
            "/v1/end-users", limit=_ROWS, cursor=visit.asked("cursor"), email=visit.asked("email")
        ),
        servers_here(visit),
    )
    return draw(visit, "end_users/list.html", tabs=TABS, found=found, servers=servers)


async def add(visit: Visit, form: Form) -> Done:
    """Somebody who can sign in at once."""
    asked: Json = {field: form[field] for field in ("email", "name", "password")}
    made = await visit.rest.send("POST", "/v1/end-users", asked, form_token=form["form_token"])
    return Done(f"/end-users/{made['end_user']['id']}", f"{asked['email']} can sign in.")


async def servers_here(visit: Visit) -> list[Json]:
    """Those that people sign in to."""
    servers = await choices_of(visit.rest, "/v1/servers", "servers")
    return [one for one in servers if one["auth"] == "platform_oauth"]
