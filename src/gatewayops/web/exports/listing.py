"""All destinations with the state of their queues, and adding one."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.exports import fields
from gatewayops.web.rest import segment
from gatewayops.web.visit import Done, Form, Visit


async def show(visit: Visit) -> Response:
    """Newest first."""
    listed = await visit.rest.get("/v1/exports", limit=50, cursor=visit.asked("cursor"))
    return draw(visit, "exports/listing.html", listed=listed)


async def show_new(visit: Visit) -> Response:
    """The empty form; `preset` in the address chooses the vendor."""
    return draw(visit, "exports/new.html", preset=visit.asked("preset", "generic"))


async def add(visit: Visit, form: Form) -> Done:
    """Calls go there from now on; the next page has the test."""
    body = fields.destination(form) | {"name": form["name"], "preset": form["preset"]}
    made = await visit.rest.send("POST", "/v1/exports", body, form_token=form["form_token"])
    name = made["export"]["name"]
    return Done(f"/exports/{segment(name)}", f"Calls go to {name} from now on. Try it with the test.")
