"""One trace and pages of its spans as JSON, encoded straight from the rows.

The shapes are trace_shapes.OneTrace and SpanList, which the routes declare; a test holds the bytes against
them. Making those models of ten thousand spans and checking them again would cost more than all the rest.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gatewayops.api.exported_shapes import log_body
from gatewayops.api.periods import ms
from gatewayops.api.shapes import dollars
from gatewayops.api.trace_shapes import TraceContext, TraceFigures, span_fields, trace_fields
from gatewayops.query.latency import Latency, split_all, summed
from gatewayops.query.logs import LogRow
from gatewayops.query.timed_span import OTLP, TimedSpan
from gatewayops.query.trace_rows import SpanRow, TraceRow
from gatewayops.query.traces import SpanPage
from gatewayops.query.waterfall import Place, waterfall
from gatewayops.record.call_record import operation


def one_trace(
    trace: TraceRow, spans: Sequence[SpanRow], timed: Sequence[TimedSpan], logs: Iterable[LogRow] = ()
) -> bytes:
    """A OneTrace: a trace, its spans and its log records; `timed` are the same spans."""
    splits = split_all(timed)
    detail = _figures(trace, splits, logs) | {"spans": _placed(spans, timed, splits)}
    return msgspec.json.encode({"trace": detail})


def one_outline(
    trace: TraceRow,
    rows: Sequence[dict[str, Any]],
    timed: Sequence[TimedSpan],
    places: Sequence[Place],
    logs: Iterable[LogRow],
    span: SpanRow | None,
) -> bytes:
    """A OneOutline: `rows` are of the trace's named outline, `timed` and `places` of the same spans."""
    spans = [_outlined(row, place, trace.start_ns) for row, place in zip(rows, places, strict=True)]
    splits = split_all(timed)
    detail = _figures(trace, splits, logs) | {"spans": spans}
    return msgspec.json.encode({"trace": detail, "span": None if span is None else _timed(span, splits)})


def telling_span(rows: Sequence[dict[str, Any]], places: Sequence[Place]) -> str:
    """The id of the deepest span that failed (others often fail only because of it), else of the first."""
    placed = zip(rows, places, strict=True)
    bad = [(-place.depth, place.row, row["span_id"]) for row, place in placed if row["status"] != "success"]
    return str(min(bad)[-1] if bad else rows[0]["span_id"])


def one_span(span: SpanRow, near: Sequence[TimedSpan]) -> bytes:
    """A OneSpan: `near` are the span and its relatives."""
    return msgspec.json.encode({"span": _timed(span, split_all(near))})


def _timed(span: SpanRow, splits: dict[str, Latency]) -> dict[str, Any]:
    return span_fields(span) | {"latency": _latency(splits.get(span.span_id))}


def _figures(trace: TraceRow, splits: dict[str, Latency], logs: Iterable[LogRow]) -> dict[str, Any]:
    fields = trace_fields(trace)
    return {name: fields[name] for name in TraceFigures.model_fields if name in fields} | {
        "context": {name: fields[name] for name in TraceContext.model_fields},
        "latency": _latency(summed(splits.values())),
        "logs": [log_body(log).model_dump() for log in logs],
    }


def _outlined(row: dict[str, Any], place: Place, start_ns: int) -> dict[str, Any]:
    return {
        "id": row["span_id"],
        "parent_id": row["parent_span_id"] or None,
        "name": row["name"] or operation(row["method"]),
        "source": "otlp" if row["door"] == OTLP else "gateway",
        "kind": row["kind"] or None,
        "service": row["service"] or None,
        "server": row["server"] or None,
        "tool": row["tool"] or None,
        "resource_uri": row["resource_uri"] or None,
        "status": row["status"],
        "reason": row["reason"] or None,
        "start_ms": ms(row["start_ns"] - start_ns),
        "duration_ms": ms(row["duration_ns"]),
        "cost": dollars(row["cost_micros"]),
        "place": _place(place),
    }


def page_of_spans(page: SpanPage, timed: Sequence[TimedSpan]) -> bytes:
    """A SpanList of spans of one trace, all of which is in `timed`."""
    spans = _placed(page.spans, timed, split_all(timed))
    return msgspec.json.encode({"spans": spans, "cursor": page.cursor, "has_more": page.cursor is not None})


def _placed(
    spans: Iterable[SpanRow], timed: Sequence[TimedSpan], splits: dict[str, Latency]
) -> list[dict[str, Any]]:
    places = {span.span_id: place for span, place in zip(timed, waterfall(timed), strict=True)}
    return [
        span_fields(span)
        | {"latency": _latency(splits.get(span.span_id)), "place": _place(places.get(span.span_id))}
        for span in spans
    ]


def _latency(found: Latency | None) -> dict[str, float | None] | None:
    if found is None:
        return None
    return {
        "client_ms": _or_null(found.client_ns),
        "auth_ms": found.auth_ns / 1e6,
        "policy_ms": found.policy_ns / 1e6,
        "gateway_ms": found.gateway_ns / 1e6,
        "upstream_ms": found.upstream_ns / 1e6,
        "network_ms": _or_null(found.network_ns),
        "server_ms": _or_null(found.server_ns),
        "total_ms": found.total_ns / 1e6,
    }


def _or_null(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / 1e6


def _place(found: Place | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "row": found.row,
        "depth": found.depth,
        "on_critical_path": found.is_on_critical_path,
        "clock_shift_ms": ms(found.shift_ns),
    }
