"""What proves the log: signed checkpoints, where they are anchored, and a check of the whole chain."""

from starlette.responses import Response

from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.visit import Done, Form, Visit

_HERE = "/audit/proof"


async def show(visit: Visit) -> Response:
    """Checkpoints, newest first."""
    found = await visit.rest.get("/v1/logs/audit/checkpoints")
    return draw(visit, "audit/proof.html", found=found)


async def verify(visit: Visit, form: Form) -> Response:
    """Checks every entry; tells the verdict where the button is."""
    verdict = await visit.rest.send("POST", "/v1/logs/audit/verify", form_token=form["form_token"])
    if visit.is_partial:
        return draw_part(visit, "audit/verdict.html", verdict=verdict)
    found = await visit.rest.get("/v1/logs/audit/checkpoints")
    return draw(visit, "audit/proof.html", found=found, verdict=verdict)


async def sign(visit: Visit, form: Form) -> Done:
    """Signs what the log holds now, and brings it to the anchors."""
    made = await visit.rest.send("POST", "/v1/logs/audit/checkpoints", form_token=form["form_token"])
    return Done(_HERE, f"Signed: {made['entries']} entries.")
