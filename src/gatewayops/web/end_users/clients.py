"""The OAuth clients of a protected server: apps that registered themselves, and your own."""

from starlette.responses import Response

from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.end_users.listing import TABS, servers_here
from gatewayops.web.rest import Json, segment
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 25


async def show(visit: Visit) -> Response:
    """Of the server in the address, else of the first."""
    names = [one["name"] for one in await servers_here(visit)]
    server = visit.asked("server") if visit.asked("server") in names else (names or [""])[0]
    found: Json = {"clients": [], "has_more": False, "cursor": None}
    if server:
        path = f"/v1/servers/{segment(server)}/clients"
        found = await visit.rest.get(path, limit=_ROWS, cursor=visit.asked("cursor"))
    return draw(visit, "end_users/clients.html", tabs=TABS, names=names, server=server, found=found)


async def add(visit: Visit, form: Form) -> Response:
    """Its secret is in this answer only."""
    asked = {"name": form["name"], "redirect_uris": form["redirect_uris"].split()}
    if form.is_on("is_public"):
        asked["auth_method"] = "none"
    path = f"/v1/servers/{segment(form['server'])}/clients"
    made = await visit.rest.send("POST", path, asked, form_token=form["form_token"])
    if visit.is_partial:
        return draw_part(visit, "end_users/client_made.html", client=made["client"])
    return draw(visit, "end_users/client_made_page.html", client=made["client"])


async def disable(visit: Visit, form: Form) -> Done:
    """It gets no more tokens, and those that it has are refused."""
    server, client = (visit.request.path_params[name] for name in ("server", "client"))
    path = f"/v1/servers/{segment(server)}/clients/{segment(client)}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(f"/end-users/clients?server={segment(server)}", "Client disabled.")
