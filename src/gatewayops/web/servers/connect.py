"""How clients connect to a server: their configuration, ready to be copied, and a key to go with it."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.rest import Json, Refused
from gatewayops.web.servers import known
from gatewayops.web.servers.snippets import example_call, snippets
from gatewayops.web.visit import Form, Visit


async def show(visit: Visit) -> Response:
    """Snippets name the key by a variable; the key itself is nowhere but where it was made."""
    server, call = await asyncio.gather(known.server_of(visit), _call(visit))
    return draw(visit, "servers/connect.html", server=server, snippets=snippets(server, call), call=call)


async def make_key(visit: Visit, form: Form) -> Response:
    """A key for this server alone; its secret is in this one answer, and in the snippets of it."""
    server, call = await asyncio.gather(known.server_of(visit), _call(visit))
    body = {
        "name": form["name"] or f"{server['name']} client",
        "scopes": {"mcp_servers": [server["name"]], "actions": ["mcp.*"]},
    }
    made = await visit.rest.send("POST", "/v1/auth/keys", body, form_token=form["form_token"])
    secret = made["key"]["secret"]
    return draw_part(
        visit,
        "servers/made_key.html",
        server=server,
        key=made["key"],
        snippets=snippets(server, call, secret=secret),
    )


async def _call(visit: Visit) -> Json | None:
    """A call that the server's first tool takes; None where its tools are not known or may not be seen."""
    listed = await if_allowed(visit.rest.get(known.path(visit, "tools"), limit=20))
    open_ones = [tool for tool in (listed or {}).get("tools", []) if tool["listed"] and not tool["blocked"]]
    if not open_ones:
        return None
    try:
        found = await visit.rest.get(known.path(visit, "tools", open_ones[-1]["name"]))
    except Refused:
        return None
    return example_call(found["tool"])
