"""The log as a zip of files with a signed manifest."""

from starlette.responses import Response

from gatewayops.web.drawing import refused
from gatewayops.web.visit import Form, Visit


async def download(visit: Visit, form: Form) -> Response:
    """Streams what the API packs; the export is itself an entry of the log."""
    body = {
        "class": "audit",
        "format": form["format"] or "jsonl",
        "start_time": form["start_time"],
        "end_time": form["end_time"],
    }
    return visit.rest.download(
        "POST",
        "/v1/logs/export",
        body,
        form_token=form["form_token"],
        refused=lambda error: refused(visit, error),
    )
