"""All prices and limits of the organisation."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.rates import forms
from gatewayops.web.settings.tabs import tabs
from gatewayops.web.visit import Done, Form, Visit


async def show_limits(visit: Visit) -> Response:
    """Newest first; `key` in the address asks what the calls of one key count against."""
    listed = await visit.rest.get("/v1/limits", limit=50, cursor=visit.asked("cursor"))
    held = None
    if visit.asked("key"):
        found = await visit.rest.get(
            "/v1/limits/effective", key=visit.asked("key"), server=visit.asked("server")
        )
        held = found["limits"]
    return draw(visit, "settings/limits.html", tabs=tabs(visit), listed=listed, held=held)


async def put_limit(visit: Visit, form: Form) -> Done:
    """Sets or replaces the limit of a subject."""
    await forms.put_limit(visit, form, scope=form["scope"], subject=form["subject"])
    return Done("/settings/limits", "The limit is set.")


async def remove_limit(visit: Visit, form: Form) -> Done:
    """What is broader counts from now on."""
    await forms.remove_limit(visit, form)
    return Done("/settings/limits", "The limit is removed.")


async def show_prices(visit: Visit) -> Response:
    """Newest first."""
    listed = await visit.rest.get("/v1/prices", limit=50, cursor=visit.asked("cursor"))
    return draw(visit, "settings/prices.html", tabs=tabs(visit), listed=listed)


async def put_price(visit: Visit, form: Form) -> Done:
    """Sets or replaces a price."""
    await forms.put_price(visit, form, server=form["server"])
    return Done("/settings/prices", "The price is set.")


async def remove_price(visit: Visit, form: Form) -> Done:
    """What is broader counts from now on."""
    await forms.remove_price(visit, form)
    return Done("/settings/prices", "The price is removed.")
