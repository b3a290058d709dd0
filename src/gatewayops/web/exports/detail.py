"""One destination: its queue, its test, its settings."""

from starlette.responses import Response

from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.exports import fields
from gatewayops.web.rest import segment
from gatewayops.web.visit import Done, Form, Visit


async def show(visit: Visit) -> Response:
    """With what waits, what was sent, what went wrong."""
    found = await visit.rest.get(_path(visit))
    return draw(visit, "exports/detail.html", one=found["export"])


async def change(visit: Visit, form: Form) -> Done:
    """What waits is sent as the destination is then."""
    body = fields.destination(form)
    await visit.rest.send("PATCH", _path(visit), body, form_token=form["form_token"])
    return Done(_here(visit), "The destination is changed.")


async def test(visit: Visit, form: Form) -> Response:
    """What the other side says to one span."""
    told = await visit.rest.send("POST", f"{_path(visit)}/test", form_token=form["form_token"])
    return draw_part(visit, "exports/tested.html", told=told)


async def switch(visit: Visit, form: Form) -> Done:
    """Paused, nothing is queued or sent; what waits stays."""
    is_on = form["enabled"] == "on"
    await visit.rest.send("PATCH", _path(visit), {"enabled": is_on}, form_token=form["form_token"])
    return Done(_here(visit), "It goes on." if is_on else "It is paused.")


async def remove(visit: Visit, form: Form) -> Done:
    """With what waits for it."""
    found = (await visit.rest.get(_path(visit)))["export"]
    form.check_named(found["name"])
    await visit.rest.send("DELETE", _path(visit), form_token=form["form_token"])
    return Done("/exports", f"Destination {found['name']} is removed.")


def _path(visit: Visit) -> str:
    return f"/v1/exports/{segment(visit.request.path_params['export'])}"


def _here(visit: Visit) -> str:
    return f"/exports/{segment(visit.request.path_params['export'])}"
