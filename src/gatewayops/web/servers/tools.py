"""A server's tools as they were approved and as they are offered, and the decision about what changed."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json
from gatewayops.web.servers import known
from gatewayops.web.servers.side_by_side import shown, side_by_side
from gatewayops.web.visit import Done, Form, Visit

_DECISIONS = {"approve": "approved", "reject": "rejected"}


async def show(visit: Visit) -> Response:
    """The catalogue; `state` in the address narrows the page to it."""
    server, listed = await asyncio.gather(
        visit.rest.get(known.path(visit)),
        visit.rest.get(known.path(visit, "tools"), limit=200, cursor=visit.asked("cursor")),
    )
    state = visit.asked("state")
    return draw(
        visit,
        "servers/tools.html",
        server=server["server"],
        listed=listed,
        tools=[tool for tool in listed["tools"] if state in ("", tool["state"])],
        state=state,
    )


async def show_one(visit: Visit) -> Response:
    """One tool: what was approved beside what is offered, and what hides in it."""
    name = visit.request.path_params["tool"]
    server, found = await asyncio.gather(
        visit.rest.get(known.path(visit)), visit.rest.get(known.path(visit, "tools", name))
    )
    tool = found["tool"]
    return draw(
        visit,
        "servers/tool.html",
        server=server["server"],
        tool=tool,
        lines=side_by_side(tool["approved_definition"], tool["definition"]) if tool["diff"] else [],
        definition=shown(tool["definition"]),
    )


async def decide(visit: Visit, form: Form) -> Done:
    """Approves or rejects the very definition that was looked at."""
    decision = form["decision"] if form["decision"] in _DECISIONS else "reject"
    where = known.path(visit, "tools", form["tool"], decision)
    await visit.rest.send("POST", where, {"hash": form["hash"]}, form_token=form["form_token"])
    return Done(known.here(visit, "tools"), f"{form['tool']} is {_DECISIONS[decision]}.")


async def refresh(visit: Visit, form: Form) -> Done:
    """Asks the server for its tools now."""
    where = known.path(visit, "tools", "refresh")
    await visit.rest.send("POST", where, form_token=form["form_token"])
    return Done(known.here(visit, "tools"), "The server was asked for its tools.")


async def pin(visit: Visit, form: Form) -> Done:
    """What happens to changed and new tools of this server."""
    body: Json = {"pinning": form["pinning"] or None}
    await visit.rest.send("PUT", known.path(visit, "pinning"), body, form_token=form["form_token"])
    return Done(known.here(visit, "tools"), "What happens to changed tools is set.")
