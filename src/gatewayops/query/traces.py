"""Traces: lists of them (also by full text), and one with its spans."""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec

from gatewayops.base.errors import NotFound
from gatewayops.base.ids import trace_id_of
from gatewayops.query import cursor as cursors
from gatewayops.query.asking import SpanReader
from gatewayops.query.cursor import Cursor
from gatewayops.record.call_record import operation
from gatewayops.store.telemetry import trace_sql
from gatewayops.store.telemetry.span_filter import SpanFilter, parameters
from gatewayops.store.telemetry.trace_times import extent_of_trace

MAX_SPANS = 10_000
_BODIES_BYTES = 16 << 20  # in one answer; larger traces show the beginning of each body
_FEW_SPANS = 128  # whose bodies fit into an answer even if each is as long as may be shown
_TRIES = 3  # of a trace that grows while it is read
_BODY_LIMIT = 64 << 10
_SPANS_A_TRACE = 4  # as many of the newest spans are looked at for each trace of a page
_SHORTEST_NS = 60 * 10**9


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


@dataclass(frozen=True, slots=True)
class TracePage:
    """Newest first; `cursor` is None on the last page."""

    traces: list[TraceRow]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class SpanPage:
    """By start; `cursor` is None on the last page."""

    spans: list[SpanRow]
    cursor: str | None


async def list_traces(
    telemetry: SpanReader, wanted: SpanFilter, *, limit: int, cursor: str = ""
) -> TracePage:
    """Traces that the filter wants. Pages don't shift when calls arrive meanwhile.

    A cursor brings the time range of its first page along. Raises InvalidInput for a foreign cursor.
    """
    before = cursors.decode(cursor) if cursor else None
    if before is not None:
        wanted = msgspec.structs.replace(wanted, start_ns=before.start_ns, end_ns=before.end_ns)
    traces = await _page(telemetry, wanted, limit=limit, before=before)
    if len(traces) <= limit:
        return TracePage(traces, None)
    last = traces[limit - 1]
    place = Cursor(last.start_ns, last.trace_id, wanted.start_ns, wanted.end_ns)
    return TracePage(traces[:limit], cursors.encode(place))


async def _page(
    telemetry: SpanReader, wanted: SpanFilter, *, limit: int, before: Cursor | None
) -> list[TraceRow]:
    """A page of traces, and one more if there are.

    The newest spans that fit usually fill the page; else ever more time is looked through.
    """
    until_ns = wanted.end_ns if before is None else before.at_ns
    values = parameters(wanted) | {"until": until_ns, "since": wanted.start_ns, "limit": limit + 1}
    if before is not None:
        values |= {"before_ns": before.at_ns, "before_id": before.id}
    most = (limit + 1) * _SPANS_A_TRACE
    newest = await telemetry.rows(trace_sql.newest_spans(wanted), values | {"limit": most})
    if not newest:
        return []
    ids = list(dict.fromkeys(span["trace_id"] for span in newest))
    is_all = len(newest) < most
    known = {"ids": ids, "since": wanted.start_ns if is_all else newest[-1]["at_ns"] + 1}
    is_continued = before is not None
    sql = trace_sql.page_of_known(wanted, is_continued=is_continued)
    rows = await telemetry.rows(sql, values | known)
    if is_all or len(rows) > limit:
        return [_trace(row) for row in rows]
    sql = trace_sql.page_of_traces(wanted, is_continued=is_continued)
    for since_ns in spans_of_time(wanted.start_ns, until_ns):
        rows = await telemetry.rows(sql, values | {"since": since_ns})
        if len(rows) > limit:
            break
    return await _traces(telemetry, wanted.org_id, rows)


async def _traces(telemetry: SpanReader, org_id: str, page: list[dict[str, Any]]) -> list[TraceRow]:
    """The traces of a page, in its order: the newest first."""
    if not page:
        return []
    values = {
        "org": org_id,
        "ids": [row["trace_id"] for row in page],
        "first": min(row["start_ns"] for row in page),
        "last": max(row["last_ns"] for row in page),
    }
    return [_trace(row) for row in await telemetry.rows(trace_sql.figures_of_traces(), values)]


def spans_of_time(start_ns: int, end_ns: int) -> list[int]:
    """How far back to look for a page, at first and if that does not fill it; the last is all of it."""
    length_ns = end_ns - start_ns
    return [end_ns - length_ns // part for part in (512, 32) if length_ns // part > _SHORTEST_NS] + [start_ns]


async def get_trace(telemetry: SpanReader, *, org_id: str, trace_id: str) -> TraceRow:
    """One trace by any form of its id (see base.ids.trace_id_of). Raises NotFound."""
    return await _figures(telemetry, await extent_of(telemetry, org_id=org_id, trace_id=trace_id))


async def whole_trace(telemetry: SpanReader, extent: dict[str, Any]) -> tuple[TraceRow, SpanPage]:
    """A trace that `extent_of` found, and its spans: read again when calls landed between the two.

    Raises NotFound when it is gone meanwhile.
    """
    for _ in range(_TRIES):
        if extent["found"] <= _FEW_SPANS:
            trace, page = await asyncio.gather(
                _figures(telemetry, extent), _spans(telemetry, extent, body_limit=_BODY_LIMIT)
            )
        else:
            trace = await _figures(telemetry, extent)
            page = await list_spans(telemetry, org_id=extent["org"], trace=trace)
        if page.cursor or len(page.spans) == trace.span_count:
            break
        extent = await extent_of(telemetry, org_id=extent["org"], trace_id=extent["trace"])
    return trace, page


async def list_spans(
    telemetry: SpanReader, *, org_id: str, trace: TraceRow, limit: int = MAX_SPANS, cursor: str = ""
) -> SpanPage:
    """The spans of a trace that `get_trace` found, bodies included."""
    body_limit = _BODY_LIMIT
    shown = min(limit, trace.span_count) or 1
    if trace.body_bytes > _BODIES_BYTES:
        body_limit = min(_BODY_LIMIT, max(256, _BODIES_BYTES // (2 * shown)))
    return await _spans(telemetry, _place(org_id, trace), body_limit=body_limit, limit=limit, cursor=cursor)


async def extent_of(telemetry: SpanReader, *, org_id: str, trace_id: str) -> dict[str, Any]:
    """Where a trace lies: `org`, `trace`, `first`, `last` as the SQL names them; about how many `found`.

    And `logs_first`, `logs_last`, `logs_found`, which logs.logs_of_trace needs. Any form of the id. Raises
    NotFound, after looking at the spans themselves.
    """
    values = {"org": org_id, "trace": trace_id_of(trace_id)}
    [extent] = await telemetry.rows(extent_of_trace(), values)
    if not extent["found"]:
        extent |= (await telemetry.rows(trace_sql.searched_extent(), values))[0]
    if not extent["found"]:
        raise _unknown(trace_id)
    return values | {name.removesuffix("_ns"): value for name, value in extent.items()}


def _place(org_id: str, trace: TraceRow) -> dict[str, Any]:
    return {"org": org_id, "trace": trace.trace_id, "first": trace.start_ns, "last": trace.end_ns}


async def _figures(telemetry: SpanReader, place: dict[str, Any]) -> TraceRow:
    rows = await telemetry.rows(trace_sql.one_trace(), place)
    if not rows:
        raise _unknown(place["trace"])
    return _trace(rows[0])


async def _spans(
    telemetry: SpanReader,
    place: dict[str, Any],
    *,
    body_limit: int,
    limit: int = MAX_SPANS,
    cursor: str = "",
) -> SpanPage:
    after = cursors.decode(cursor) if cursor else Cursor(-(2**62), "")
    asked = {"body_limit": body_limit, "limit": limit + 1, "after_ns": after.at_ns, "after_id": after.id}
    rows = await telemetry.rows(trace_sql.spans_of_trace(), place | asked)
    spans = [_span(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return SpanPage(spans, None)
    return SpanPage(spans, cursors.encode(Cursor(spans[-1].start_ns, spans[-1].span_id)))


def _unknown(trace_id: str) -> NotFound:
    return NotFound(f"no trace {trace_id[:80]!r}; a new one takes up to two seconds to appear")


async def outline(telemetry: SpanReader, *, org_id: str, trace: TraceRow) -> list[dict[str, Any]]:
    """What placing and timing needs of a trace's first MAX_SPANS spans: rows of outline_of_trace."""
    values = _place(org_id, trace) | {"limit": MAX_SPANS}
    return await telemetry.rows(trace_sql.outline_of_trace(), values)


async def list_requests(
    telemetry: SpanReader, wanted: SpanFilter, *, limit: int, cursor: str = ""
) -> SpanPage:
    """Calls that the filter wants whatever their trace, newest first, with bodies (shorter on long pages).

    A cursor brings the time range of its first page along. Raises InvalidInput for a foreign cursor.
    """
    before = cursors.decode(cursor) if cursor else None
    if before is not None:
        wanted = msgspec.structs.replace(wanted, start_ns=before.start_ns, end_ns=before.end_ns)
    values = parameters(wanted) | {"limit": limit + 1, "body_limit": _BODIES_BYTES // (2 * limit)}
    if before is not None:
        values |= {"before_ns": before.at_ns, "before_id": before.id}
    rows = await telemetry.rows(trace_sql.list_spans(wanted, is_continued=before is not None), values)
    spans = [_span(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return SpanPage(spans, None)
    last = spans[-1]
    place = Cursor(last.start_ns, last.span_id, wanted.start_ns, wanted.end_ns)
    return SpanPage(spans, cursors.encode(place))


def _trace(row: dict[str, Any]) -> TraceRow:
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


def _span(row: dict[str, Any]) -> SpanRow:
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


def body_value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value that a recorded body holds, the text itself when it is none, None when empty."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
