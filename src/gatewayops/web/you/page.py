"""The page of one's own account."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Refused, segment
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 25


async def show(visit: Visit) -> Response:
    """Nobody needs a right for it."""
    sessions, factors = await asyncio.gather(
        visit.rest.get("/v1/auth/sessions", limit=_ROWS, cursor=visit.asked("cursor")),
        if_allowed(visit.rest.get("/v1/auth/factors")),
    )
    return draw(visit, "you/page.html", sessions=sessions, factors=factors)


async def change_name(visit: Visit, form: Form) -> Done:
    """What one is called."""
    await visit.rest.send("PUT", "/v1/auth/name", {"name": form["name"]}, form_token=form["form_token"])
    return Done("/you", "Saved.")


async def change_password(visit: Visit, form: Form) -> Done:
    """Ends one's other sessions."""
    given = {name: _as_typed(form, name) for name in ("current_password", "new_password", "again")}
    if given.pop("again") != given["new_password"]:
        raise Refused(400, {"message": "the new password and its repetition differ; nothing was changed"})
    await visit.rest.send("POST", "/v1/auth/password", given, form_token=form["form_token"])
    return Done("/you", "You have a new password; your other sessions ended.")


async def end_session(visit: Visit, form: Form) -> Done:
    """One of one's own."""
    path = f"/v1/auth/sessions/{segment(visit.request.path_params['session'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done("/you", "Signed out there.")


def _as_typed(form: Form, name: str) -> str:
    """A password may begin or end with blanks."""
    return next((value for key, value in form.pairs if key == name), "")
