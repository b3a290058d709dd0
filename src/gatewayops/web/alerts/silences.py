"""Silences: what tells nobody for a while, and why."""

import asyncio
from datetime import timedelta

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Refused, segment
from gatewayops.web.visit import Done, Form, Visit

_HERE = "/alerts/silences"
_ROUTE = "/v1/alerts/silences"
_MOST = 200


async def show(visit: Visit) -> Response:
    """All of them, and a form for another; `rule` in the address fills it in."""
    found, rules = await asyncio.gather(
        visit.rest.get(_ROUTE, cursor=visit.asked("cursor"), limit=50),
        visit.rest.get("/v1/alerts/rules", limit=_MOST),
    )
    names = {rule["id"]: rule["name"] for rule in rules["rules"]}
    return draw(
        visit, "alerts/silences.html", found=found, names=names, rule=visit.asked("rule"), now=clock.now()
    )


async def add(visit: Visit, form: Form) -> Done:
    """From now on, for as many hours as the form says."""
    hours = form.number("hours", "Hours")
    if hours is None or hours <= 0:
        raise Refused(400, {"message": "Hours: how long? Give a number above 0."})
    body = {
        "rule": form["rule"],
        "server": form["server"],
        "tool": form["tool"],
        "severity": form["severity"] or None,
        "until": (clock.now() + timedelta(hours=min(hours, 24 * 365))).isoformat(),
        "reason": form["reason"],
    }
    await visit.rest.send("POST", _ROUTE, body, form_token=form["form_token"])
    return Done(_HERE, "Silenced. What still fires when it ends is told then.")


async def end(visit: Visit, form: Form) -> Done:
    """Ends it now."""
    path = f"{_ROUTE}/{segment(visit.request.path_params['id'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(_HERE, "The silence has ended.")
