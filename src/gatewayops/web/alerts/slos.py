"""Objectives: what share of calls shall succeed, and how that stands."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import choices_of, if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.rest import segment
from gatewayops.web.visit import Done, Form, Visit

_HERE = "/alerts/slos"
_ROUTE = "/v1/alerts/slos"
_SHOWN = 20  # how each stands is a question to the telemetry store


async def show(visit: Visit) -> Response:
    """Each with what is attained, where the telemetry store answers."""
    found, servers = await asyncio.gather(
        visit.rest.get(_ROUTE, cursor=visit.asked("cursor"), limit=_SHOWN),
        choices_of(visit.rest, "/v1/servers", "servers"),
    )
    details = await asyncio.gather(
        *(if_allowed(visit.rest.recent(f"{_ROUTE}/{segment(one['id'])}")) for one in found["slos"])
    )
    rows = [(slo, detail and detail["standing"]) for slo, detail in zip(found["slos"], details, strict=True)]
    return draw(
        visit,
        "alerts/slos.html",
        found=found,
        rows=rows,
        servers=servers,
    )


async def add(visit: Visit, form: Form) -> Done:
    """Makes the objective; and, where asked, the rule that tells when it is in danger."""
    body = {
        "name": form["name"],
        "server": form["server"],
        "tool": form["tool"],
        "objective": form.number("objective", "Objective"),
        "period_days": form.whole("period_days", "Days"),
    }
    made = await visit.rest.send("POST", _ROUTE, body, form_token=form["form_token"])
    if form.is_on("watched"):
        rule = {"name": f"{body['name']} is in danger", "kind": "slo_burn", "slo": made["slo"]["id"]}
        await visit.rest.send("POST", "/v1/alerts/rules", rule, form_token=form["form_token"])
    return Done(_HERE, f"Objective {body['name']} made.")


async def remove(visit: Visit, form: Form) -> Done:
    """Removes it with the rules that watch it."""
    form.check_named(form["name"])
    path = f"{_ROUTE}/{segment(visit.request.path_params['id'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(_HERE, f"Objective {form['name']} removed.")
