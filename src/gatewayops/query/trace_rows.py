"""The rows that questions about traces answer with, from those that the store gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gatewayops.record.call_record import operation
from gatewayops.store.telemetry.otlp_schema import OTLP_DOOR

_MAX_SERVERS = 20


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A trace: the spans that share an id. Ids are those of its first span that has any."""

    trace_id: str
    start_ns: int
    end_ns: int
    status: str  # timeout if any span timed out, error if any failed, else success
    user_id: str
    team_id: str
    project_id: str
    key_id: str
    env: str
    agent: str
    servers: tuple[str, ...]
    span_count: int
    call_count: int  # of the spans, those that the gateway carried
    error_count: int
    cost_micros: int
    body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One answered call, or a span that was exported to us (`door` is `otlp`).

    `request` and `response` are JSON values where the bodies parse, else text.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    operation: str
    start_ns: int
    request: Any
    response: Any
    is_request_cut: bool
    is_response_cut: bool
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    fields: dict[str, Any]  # the other columns, by their names in CallRecord


def trace_row(row: dict[str, Any]) -> TraceRow:
    """From a row of trace_sql's figures."""
    return TraceRow(
        trace_id=row["trace_id"],
        start_ns=row["start_ns"],
        end_ns=row["end_ns"],
        status=row["trace_status"],
        user_id=row["trace_user"],
        team_id=row["trace_team"],
        project_id=row["trace_project"],
        key_id=row["trace_key"],
        env=row["trace_env"],
        agent=row["trace_agent"],
        servers=tuple(sorted(name for name in row["servers"] if name)),
        span_count=row["span_count"],
        call_count=row["call_count"],
        error_count=row["error_count"],
        cost_micros=row["total_micros"],
        body_bytes=row.get("body_bytes", 0),
    )


def span_row(row: dict[str, Any]) -> SpanRow:
    """From a row of trace_sql's spans."""
    return SpanRow(
        trace_id=row.pop("trace_id"),
        span_id=row.pop("span_id"),
        parent_span_id=row.pop("parent_span_id"),
        operation=operation(row["method"]) if row["method"] else row["name"],
        start_ns=row.pop("start_ns"),
        request=body_value(row.pop("request_text")),
        response=body_value(row.pop("response_text")),
        is_request_cut=bool(row.pop("has_cut_request")),
        is_response_cut=bool(row.pop("has_cut_response")),
        events=body_value(row.pop("events")) or [],
        links=body_value(row.pop("links")) or [],
        fields=row,
    )


def trace_of(spans: Sequence[SpanRow]) -> TraceRow:
    """What trace_sql's figures say, of all spans of a trace by their start. Bodies are not measured."""
    columns = [span.fields for span in spans]
    at_work = sorted(columns, key=_is_exported)  # who was at work is the calls' to say, before exporters
    statuses = {column["status"] for column in columns}
    return TraceRow(
        trace_id=spans[0].trace_id,
        start_ns=min(span.start_ns for span in spans),
        end_ns=max(span.start_ns + span.fields["duration_ns"] for span in spans),
        status="timeout" if "timeout" in statuses else "success" if statuses == {"success"} else "error",
        user_id=_first(at_work, "user_id"),
        team_id=_first(at_work, "team_id"),
        project_id=_first(at_work, "project_id"),
        key_id=_first(at_work, "key_id"),
        env=_first(at_work, "env"),
        agent=_first(at_work, "agent"),
        servers=tuple(sorted({column["server"] for column in columns} - {""})[:_MAX_SERVERS]),
        span_count=len(spans),
        call_count=sum(not _is_exported(column) for column in columns),
        error_count=sum(column["status"] != "success" for column in columns),
        cost_micros=sum(column["cost_micros"] for column in columns),
    )


def _first(columns: Sequence[dict[str, Any]], name: str) -> str:
    return next((column[name] for column in columns if column[name]), "")


def _is_exported(columns: dict[str, Any]) -> bool:
    return bool(columns["door"] == OTLP_DOOR)


def body_value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value that a recorded body holds, the text itself when it is none, None when empty."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
