"""One key: whom it acts for, what it may and what it did; a new secret, and its end."""

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.keys.making import shown_once
from gatewayops.web.keys.state import state_of
from gatewayops.web.rest import Json, segment
from gatewayops.web.visit import Done, Form, Visit


async def show(visit: Visit) -> Response:
    """With who the owner is, where that may be known."""
    key = await _key(visit)
    user_id = key["metadata"]["user_id"]
    owner = await if_allowed(visit.rest.get(f"/v1/users/{segment(user_id)}")) if user_id else None
    known = {"user_id", "team_id", "project_id", "created_by"}
    return draw(
        visit,
        "keys/detail.html",
        key=key,
        state=state_of(key, clock.now()),
        owner=owner and owner["user"],
        labels={name: text for name, text in key["metadata"].items() if name not in known},
        may_change=visit.may("keys.write") or visit.may("keys.own"),
    )


async def rotate(visit: Visit, form: Form) -> Response:
    """A new secret beside the one before, which goes on for a day."""
    path = f"{_path(visit)}/rotate"
    made = await visit.rest.send("POST", path, form_token=form["form_token"])
    return await shown_once(visit, made["key"], valid_until=made["previous_valid_until"])


async def revoke(visit: Visit, form: Form) -> Done:
    """For good."""
    key = await _key(visit)
    form.check_named(key["name"])
    await visit.rest.send("DELETE", _path(visit), form_token=form["form_token"])
    return Done("/keys", f"Key {key['name']} revoked: gateways refuse it within a second.")


async def _key(visit: Visit) -> Json:
    found: Json = (await visit.rest.recent(_path(visit)))["key"]
    return found


def _path(visit: Visit) -> str:
    return f"/v1/auth/keys/{segment(visit.request.path_params['key'])}"
