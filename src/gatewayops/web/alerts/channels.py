"""Channels: where alerts are sent; with a test that shows the real answer."""

from starlette.responses import Response

from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.rest import segment
from gatewayops.web.visit import Done, Form, Visit

_HERE = "/alerts/channels"
_ROUTE = "/v1/alerts/channels"


async def show(visit: Visit) -> Response:
    """All of them, and a form for another."""
    found = await visit.rest.get(_ROUTE, cursor=visit.asked("cursor"), limit=50)
    return draw(visit, "alerts/channels.html", found=found, made=None)


async def add(visit: Visit, form: Form) -> Response | Done:
    """Makes it; a signing secret of ours is shown here, once."""
    body = {name: form[name] for name in ("name", "kind", "address", "secret")}
    made = await visit.rest.send(
        "POST", _ROUTE, body | {"for_all": form.is_on("for_all")}, form_token=form["form_token"]
    )
    if made["secret"]:
        if visit.is_partial:
            return draw_part(visit, "alerts/channel_secret.html", made=made)
        found = await visit.rest.get(_ROUTE, limit=50)
        return draw(visit, "alerts/channels.html", found=found, made=made)
    return Done(_HERE, f"Channel {body['name']} made. Test it.")


async def test(visit: Visit, form: Form) -> Response | Done:
    """Sends a message now."""
    path = f"{_ROUTE}/{segment(visit.request.path_params['id'])}/test"
    found = await visit.rest.send("POST", path, form_token=form["form_token"])
    told = f"Delivered: {found['answer']}" if found["delivered"] else f"Not delivered: {found['answer']}"
    if visit.is_partial:
        return draw_part(visit, "alerts/channel_tested.html", is_good=found["delivered"], told=told)
    return Done(_HERE, told)


async def remove(visit: Visit, form: Form) -> Done:
    """Removes it, also from rules; what waits for it is dropped."""
    form.check_named(form["name"])
    path = f"{_ROUTE}/{segment(visit.request.path_params['id'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(_HERE, f"Channel {form['name']} removed.")
