"""Adding a server: tried before it is kept, and how to connect to it next."""

from starlette.responses import Response

from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.rest import segment
from gatewayops.web.servers import fields
from gatewayops.web.visit import Done, Form, Visit


async def show(visit: Visit) -> Response:
    """The empty form."""
    return draw(visit, "servers/new.html")


async def test_first(visit: Visit, form: Form) -> Response:
    """What a server that is not kept yet says."""
    body = fields.connection(form) | {"headers": fields.headers(form["headers"])}
    told = await visit.rest.send("POST", "/v1/servers/test", body, form_token=form["form_token"])
    return draw_part(visit, "servers/tested.html", told=told)


async def add(visit: Visit, form: Form) -> Done:
    """Goes on to where clients are told how to connect."""
    body = fields.connection(form) | fields.callers(form)
    body |= {"name": form["name"], "headers": fields.headers(form["headers"])}
    body |= {"upstream_auth": form["upstream_auth"] or "none"}
    made = await visit.rest.send("POST", "/v1/servers", body, form_token=form["form_token"])
    name = made["server"]["name"]
    return Done(f"/servers/{segment(name)}/connect", f"Server {name} added. Here is how clients connect.")
