"""One end user: where they are signed in, what they allowed, how they come in."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.end_users.listing import servers_here
from gatewayops.web.rest import Json, segment
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 50


async def show(visit: Visit) -> Response:
    """The newest of each."""
    rest, path = visit.rest, _path(visit)
    user, sessions, consents, identities, servers = await asyncio.gather(
        rest.get(path),
        rest.get(f"{path}/sessions", limit=_ROWS),
        rest.get(f"{path}/consents", limit=_ROWS),
        rest.get(f"{path}/identities", limit=_ROWS),
        servers_here(visit),
    )
    return draw(
        visit,
        "end_users/detail.html",
        person=user["end_user"],
        sessions=sessions["sessions"],
        consents=consents["consents"],
        identities=identities["identities"],
        server_names={one["id"]: one["name"] for one in servers},
    )


async def enable(visit: Visit, form: Form) -> Done:
    """They may sign in again."""
    await visit.rest.send("PATCH", _path(visit), {"enabled": True}, form_token=form["form_token"])
    return Done(_page(visit), "They may sign in again.")


async def disable(visit: Visit, form: Form) -> Done:
    """All sessions and tokens end within a second."""
    await _check_named(visit, form)
    await visit.rest.send("PATCH", _path(visit), {"enabled": False}, form_token=form["form_token"])
    return Done(_page(visit), "Disabled; sessions and tokens ended.")


async def revoke(visit: Visit, form: Form) -> Done:
    """Signs them out everywhere."""
    await visit.rest.send("POST", f"{_path(visit)}/revoke", form_token=form["form_token"])
    return Done(_page(visit), "All sessions and tokens ended.")


async def remove(visit: Visit, form: Form) -> Done:
    """For good."""
    await _check_named(visit, form)
    await visit.rest.send("DELETE", _path(visit), form_token=form["form_token"])
    return Done("/end-users", "Removed; what they did stays in the records.")


async def end_session(visit: Visit, form: Form) -> Done:
    """In one browser."""
    return await _row_gone(visit, form, "sessions", "Signed out of that browser; clients keep their tokens.")


async def withdraw(visit: Visit, form: Form) -> Done:
    """With all tokens that came of it."""
    return await _row_gone(visit, form, "consents", "Taken back, with the client's tokens.")


async def remove_identity(visit: Visit, form: Form) -> Done:
    """They come in by it no more."""
    return await _row_gone(visit, form, "identities", "Removed; sessions and tokens ended.")


async def _row_gone(visit: Visit, form: Form, rows: str, told: str) -> Done:
    path = f"{_path(visit)}/{rows}/{segment(visit.request.path_params['row'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(_page(visit), told)


async def _check_named(visit: Visit, form: Form) -> None:
    found: Json = (await visit.rest.get(_path(visit)))["end_user"]
    form.check_named(found["email"])


def _path(visit: Visit) -> str:
    return f"/v1/end-users/{segment(visit.request.path_params['end_user'])}"


def _page(visit: Visit) -> str:
    return f"/end-users/{segment(visit.request.path_params['end_user'])}"
