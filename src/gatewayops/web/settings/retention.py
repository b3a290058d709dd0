"""How long records are kept."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.settings.tabs import tabs
from gatewayops.web.visit import Done, Form, Visit


async def show(visit: Visit) -> Response:
    """Of the whole installation."""
    found = await visit.rest.get("/v1/retention")
    return draw(visit, "settings/retention.html", tabs=tabs(visit), one=found["retention"])


async def change(visit: Visit, form: Form) -> Done:
    """At once; what is over by then goes within hours, so the new number is typed to confirm."""
    spans = form.whole("spans_days", "Calls")
    form.check_named(f"{spans} days")
    body = {"spans_days": spans, "payloads_days": form.whole("payloads_days", "Arguments and results")}
    await visit.rest.send("PUT", "/v1/retention", body, form_token=form["form_token"])
    return Done("/settings/retention", "The retention is changed.")
