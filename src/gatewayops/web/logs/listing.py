"""The list of log records, newest first, each with a link to its trace."""

from starlette.responses import Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.drawing import draw
from gatewayops.web.listed import asked, page_of
from gatewayops.web.visit import Visit
from gatewayops.web.window import asked_window

_FILTERS = ("query", "severity", "server", "service", "trace_id")
_COLUMNS = ("time", "severity", "service", "server", "event_name", "body", "trace_id", "span_id")


async def show(visit: Visit) -> Response:
    """A page of records."""
    window = asked_window(visit)
    answer = await page_of(visit, "/v1/logs", window, asked(visit, _FILTERS))
    logs = answer["logs"]
    if visit.asked("format") == "csv":
        return csv_answer("logs", _COLUMNS, [[log[name] for name in _COLUMNS] for log in logs])
    is_filtered = any(visit.asked(name) for name in _FILTERS)
    return draw(visit, "logs/listing.html", window=window, answer=answer, logs=logs, is_filtered=is_filtered)
