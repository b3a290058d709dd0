"""Rules: what is watched, from when on it matters, and who is told."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import choices_of
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json, segment
from gatewayops.web.visit import Done, Form, Visit

_HERE = "/alerts/rules"
_TEXTS = ("name", "server", "tool", "team", "split_by", "direction", "measure", "severity")
_WHOLE = (
    ("percentile", "Percentile"),
    ("window_s", "Window"),
    ("for_s", "Must last"),
    ("min_calls", "At least calls"),
)

UNITS = {
    "error_rate": "% of the calls",
    "latency_percentile": "ms",
    "call_volume": "calls",
    "rate_limit_hits": "refused calls",
    "budget_threshold": "% of the limit",
    "auth_failures": "calls without a valid key",
    "unusual": "deviations",
    "slo_burn": "times the usual burn rates",
}


async def show(visit: Visit) -> Response:
    """How each stands."""
    found = await visit.rest.get("/v1/alerts/rules", cursor=visit.asked("cursor"), limit=50)
    return draw(visit, "alerts/rules.html", found=found, units=UNITS)


async def show_new(visit: Visit) -> Response:
    """The form, filled with what the address says."""
    return await _form(visit, None)


async def show_one(visit: Visit) -> Response:
    """The same form, with the rule in it, and its incidents."""
    rule = await visit.rest.get(f"/v1/alerts/rules/{segment(visit.request.path_params['id'])}")
    return await _form(visit, rule["rule"])


async def add(visit: Visit, form: Form) -> Done:
    """Makes the rule; it is looked at within seconds."""
    body = _body(form) | {"kind": form["kind"], "slo": form["slo"]}
    made = await visit.rest.send("POST", "/v1/alerts/rules", body, form_token=form["form_token"])
    return Done(_HERE, f"Rule {made['rule']['name']} is watching.")


async def change(visit: Visit, form: Form) -> Done:
    """Changes what the form has."""
    path = f"/v1/alerts/rules/{segment(visit.request.path_params['id'])}"
    made = await visit.rest.send("PATCH", path, _body(form), form_token=form["form_token"])
    return Done(_HERE, f"Rule {made['rule']['name']} saved.")


async def remove(visit: Visit, form: Form) -> Done:
    """Removes it; its incidents end."""
    form.check_named(form["name"])
    path = f"/v1/alerts/rules/{segment(visit.request.path_params['id'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(_HERE, f"Rule {form['name']} removed.")


async def restore_defaults(visit: Visit, form: Form) -> Done:
    """Makes those of the default rules that are missing."""
    made = await visit.rest.send("POST", "/v1/alerts/rules/defaults", form_token=form["form_token"])
    return Done(_HERE, f"{len(made['rules'])} default rules made.")


async def _form(visit: Visit, rule: Json | None) -> Response:
    channels, slos, servers, incidents = await asyncio.gather(
        choices_of(visit.rest, "/v1/alerts/channels", "channels"),
        choices_of(visit.rest, "/v1/alerts/slos", "slos"),
        choices_of(visit.rest, "/v1/servers", "servers"),
        _incidents(visit, rule),
    )
    return draw(
        visit,
        "alerts/rule.html",
        rule=rule,
        units=UNITS,
        channels=channels,
        slos=slos,
        servers=servers,
        incidents=incidents,
    )


async def _incidents(visit: Visit, rule: Json | None) -> list[Json]:
    if rule is None:
        return []
    found = await visit.rest.get("/v1/alerts/incidents", rule=rule["id"], limit=10)
    return list(found["incidents"])


def _body(form: Form) -> Json:
    body: Json = {name: form[name] for name in _TEXTS}
    body |= {name: number for name, label in _WHOLE if (number := form.whole(name, label)) is not None}
    threshold = form.number("threshold", "Threshold")
    body |= {} if threshold is None else {"threshold": threshold}
    return body | {"channels": form.several("channels"), "enabled": form.is_on("enabled")}
