"""Log records that servers and clients sent by OTLP: lists of them, and those of one trace."""

from dataclasses import dataclass
from typing import Any

from gatewayops.query import cursor as cursors
from gatewayops.query.asking import SpanReader
from gatewayops.query.cursor import Cursor
from gatewayops.store.telemetry import log_sql
from gatewayops.store.telemetry.log_sql import LogFilter

MAX_OF_A_TRACE = 1_000


@dataclass(frozen=True, slots=True)
class LogRow:
    """One record, masked. `severity` is OTLP's number, 0 for none; `severity_text` is the sender's word."""

    at_ns: int
    log_id: str
    trace_id: str
    span_id: str
    severity: int
    severity_text: str
    event_name: str
    body: str
    server: str
    service: str
    scope: str
    attributes: dict[str, str]
    resource: dict[str, str]


@dataclass(frozen=True, slots=True)
class LogPage:
    """Newest first; `cursor` is None on the last page."""

    logs: list[LogRow]
    cursor: str | None


async def list_logs(telemetry: SpanReader, wanted: LogFilter, *, limit: int, cursor: str = "") -> LogPage:
    """Records that the filter wants. Pages don't shift when records arrive meanwhile.

    A cursor brings the time range of its first page along. Raises InvalidInput for a foreign cursor.
    """
    wanted, before = cursors.resumed(wanted, cursor)
    values = log_sql.list_values(wanted) | {"limit": limit + 1}
    if before is not None:
        values |= {"before_ns": before.at_ns, "before_id": before.id}
    rows = await telemetry.rows(log_sql.list_logs(wanted, is_continued=before is not None), values)
    logs = [LogRow(**row) for row in rows[:limit]]
    if len(rows) <= limit:
        return LogPage(logs, None)
    place = Cursor(logs[-1].at_ns, logs[-1].log_id, wanted.start_ns, wanted.end_ns)
    return LogPage(logs, cursors.encode(place))


async def logs_of_trace(telemetry: SpanReader, extent: dict[str, Any]) -> list[LogRow]:
    """The first MAX_OF_A_TRACE records by time of a trace that traces.extent_of found."""
    if not extent["logs_found"]:
        return []
    values = {name: extent[name] for name in ("org", "trace")} | {
        "first": extent["logs_first"],
        "last": extent["logs_last"],
        "limit": MAX_OF_A_TRACE,
    }
    return [LogRow(**row) for row in await telemetry.rows(log_sql.logs_of_trace(), values)]
