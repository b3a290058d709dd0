"""The rows that questions about traces answer with, from those that the store gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec

from gatewayops.record.call_record import operation
from gatewayops.store.telemetry.otlp_schema import OTLP_DOOR
from gatewayops.store.telemetry.trace_times import SHOWN

WHOSE = ("user_id", "team_id", "project_id", "key_id", "env", "agent")
_MAX_SERVERS = 20
_NUMBERS = ("duration_ns", "cost_micros")
_start = itemgetter("start_ns")
_SPANS = msgspec.json.Decoder(
    msgspec.defstruct(
        "_Shown",
        [(name, int if name in _NUMBERS else str) for name in SHOWN],
        array_like=True,
        forbid_unknown_fields=True,
    ),
    strict=False,  # the store says numbers as text
)


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
    columns = [span.fields | {"start_ns": span.start_ns, "span_id": span.span_id} for span in spans]
    return _trace(spans[0].trace_id, columns)


def trace_of_outline(rows: Sequence[dict[str, Any]]) -> TraceRow:
    """The same from all rows of a trace's named outline."""
    return _trace(rows[0]["trace_id"], rows)


def traces_of(rows: Iterable[dict[str, Any]]) -> list[TraceRow]:
    """The same of all spans of many traces, in any order, from rows of trace_times.spans_of_traces."""
    found: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for row in rows:
        span = msgspec.structs.asdict(_SPANS.decode(row["shown"])) | {"start_ns": row["at_ns"]}
        found.setdefault(span["trace_id"], {})[span["span_id"], span["door"]] = span
    return [_trace(trace_id, sorted(spans.values(), key=_start)) for trace_id, spans in found.items()]


def calls_by_trace(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many calls of the gateway each trace has, from the same rows."""
    calls: dict[str, set[str]] = {}
    for row in rows:
        trace_id, span_id, door, *_ = msgspec.json.decode(row["shown"])
        if door != OTLP_DOOR:
            calls.setdefault(trace_id, set()).add(span_id)
    return {trace_id: len(spans) for trace_id, spans in calls.items()}


def _trace(trace_id: str, spans: Sequence[dict[str, Any]]) -> TraceRow:
    at_work = sorted(spans, key=_is_exported)  # who was at work is the calls' to say, before exporters
    statuses = {span["status"] for span in spans}
    return TraceRow(
        trace_id=trace_id,
        start_ns=spans[0]["start_ns"],
        end_ns=max(span["start_ns"] + span["duration_ns"] for span in spans),
        status="timeout" if "timeout" in statuses else "success" if statuses == {"success"} else "error",
        **whose(at_work),
        servers=servers_of(spans),
        span_count=len(spans),
        call_count=sum(not _is_exported(span) for span in spans),
        error_count=sum(span["status"] != "success" for span in spans),
        cost_micros=sum(span["cost_micros"] for span in spans),
    )


def whose(spans: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each id of WHOSE, of the first of these that has it; empty where none has."""
    return {name: next((span[name] for span in spans if span[name]), "") for name in WHOSE}


def servers_of(spans: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """By name, so many at most."""
    return tuple(sorted({span["server"] for span in spans} - {""})[:_MAX_SERVERS])


def _is_exported(span: dict[str, Any]) -> bool:
    return bool(span["door"] == OTLP_DOOR)


def body_value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value that a recorded body holds, the text itself when it is none, None when empty."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):  # nested deeper than Python goes, by whoever called
        return text
