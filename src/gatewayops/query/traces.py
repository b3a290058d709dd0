"""Traces: lists of them (also by full text), and one with its spans."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from gatewayops.base.errors import NotFound
from gatewayops.base.ids import trace_id_of
from gatewayops.query import cursor as cursors
from gatewayops.query.asking import SpanReader
from gatewayops.query.cursor import Cursor
from gatewayops.query.trace_rows import (
    SpanRow,
    TraceRow,
    span_row,
    trace_of,
    trace_of_outline,
    trace_row,
    traces_of,
)
from gatewayops.store.telemetry import trace_sql
from gatewayops.store.telemetry.span_filter import SpanFilter, parameters
from gatewayops.store.telemetry.trace_times import extent_of_trace, spans_of_traces

MAX_SPANS = 10_000
_BODIES_BYTES = 16 << 20  # in one answer; larger traces show the beginning of each body
_FEW_SPANS = 128  # whose bodies fit into an answer even if each is as long as may be shown
_TRIES = 3  # of a trace that grows while it is read
_BODY_LIMIT = 64 << 10
_SPANS_A_TRACE = (3, 12, 48)  # as many of the newest spans are looked at for each trace of a page; then more
_SPARE = 8  # traces more than a page has are looked at: some began before those of older spans
_MOST_SPANS = 4_000  # of a page's traces: the store sums up what is more
_SHORTEST_NS = 60 * 10**9
_DAY_NS = 86_400 * 10**9


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
    wanted, before = cursors.resumed(wanted, cursor)
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

    The newest spans that fit usually fill it; else more of them, then ever more time, is looked through.
    """
    until_ns = wanted.end_ns if before is None else before.at_ns
    values = parameters(wanted) | {"until": until_ns, "since": wanted.start_ns, "limit": limit + 1}
    if before is not None:
        values |= {"before_ns": before.at_ns, "before_id": before.id}
    enough, needed = limit + 1 + _SPARE, 0.0
    for spans_a_trace in _SPANS_A_TRACE:
        if spans_a_trace < min(needed, _SPANS_A_TRACE[-1]):
            continue  # traces are longer here: so few would not fill the page either
        most = (limit + 1) * spans_a_trace
        newest, is_whole = await _newest(telemetry, wanted, values | {"limit": most}, enough)
        for spans in _looked_at(newest, enough):
            is_all = is_whole and len(spans) == len(newest)
            since_ns = wanted.start_ns if is_all else spans[-1]["at_ns"] + 1
            found = await _known(telemetry, wanted, before, spans, values | {"since": since_ns})
            if is_all or len(found) > limit:
                return found[: limit + 1]
        enough, needed = limit + 1 + 4 * _SPARE, spans_a_trace * (limit + 1) / max(len(found), 1)
    sql = trace_sql.page_of_traces(wanted, is_continued=before is not None)
    for since_ns in spans_of_time(wanted.start_ns, until_ns):
        rows = await telemetry.rows(sql, values | {"since": since_ns})
        if len(rows) > limit:
            break
    return await _known(telemetry, wanted, before, rows, values)


async def _newest(
    telemetry: SpanReader, wanted: SpanFilter, values: dict[str, Any], traces: int
) -> tuple[list[dict[str, Any]], bool]:
    """Rows of trace_sql.newest_spans, and whether there are no more.

    A longer time is looked through from its last quarter on, until spans of so many traces are found.
    """
    sql = trace_sql.newest_spans(wanted)
    length_ns = values["until"] - wanted.start_ns
    parts = (values["until"] - length_ns // 4, wanted.start_ns) if length_ns > _DAY_NS else (wanted.start_ns,)
    found: list[dict[str, Any]] = []
    end_ns = wanted.end_ns
    for since_ns in parts:
        part = {"since": since_ns, "end": end_ns, "limit": values["limit"] - len(found)}
        found += await telemetry.rows(sql, values | part)
        if len(found) == values["limit"] or len({span["trace"] for span in found}) >= traces:
            return found, False
        end_ns = since_ns
    return found, True


def _looked_at(newest: list[dict[str, Any]], traces: int) -> Iterator[list[dict[str, Any]]]:
    """Of the newest spans the first that are of so many traces, then all."""
    seen: set[int] = set()
    for number, span in enumerate(newest, 1):
        seen.add(span["trace"])
        if len(seen) == traces and number < len(newest):
            yield newest[:number]
            break
    yield newest


async def _known(
    telemetry: SpanReader,
    wanted: SpanFilter,
    before: Cursor | None,
    spans: list[dict[str, Any]],
    values: dict[str, Any],
) -> list[TraceRow]:
    """The traces of spans, if the filter wants them and they began at or after `since`: the newest first."""
    if not spans:
        return []
    values |= {"traces": list({span["trace"] for span in spans}), "most": _MOST_SPANS + 1}
    rows = await telemetry.rows(spans_of_traces(), values)
    if len(rows) > _MOST_SPANS:
        sql = trace_sql.page_of_known(wanted, is_continued=before is not None)
        return [trace_row(row) for row in await telemetry.rows(sql, values)]
    found = [trace for trace in traces_of(rows) if _is_wanted(trace, wanted, values["since"], before)]
    return sorted(found, key=_place_in_list, reverse=True)


def _is_wanted(trace: TraceRow, wanted: SpanFilter, since_ns: int, before: Cursor | None) -> bool:
    """As trace_sql.page_of_known asks."""
    length_ns = trace.end_ns - trace.start_ns
    return (
        trace.start_ns >= since_ns
        and (not wanted.statuses or trace.status in wanted.statuses)
        and length_ns >= wanted.min_duration_ns
        and length_ns <= (wanted.max_duration_ns or length_ns)
        and trace.cost_micros >= wanted.min_cost_micros
        and (wanted.max_cost_micros is None or trace.cost_micros <= wanted.max_cost_micros)
        and (before is None or _place_in_list(trace) < (before.at_ns, before.id))
    )


def _place_in_list(trace: TraceRow) -> tuple[int, str]:
    return trace.start_ns, trace.trace_id


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
    if extent["found"] <= _FEW_SPANS:
        spans = await _few_spans(telemetry, extent)
        if not spans:
            raise _unknown(extent["trace"])
        return trace_of(spans), SpanPage(spans, None)
    for _ in range(_TRIES):
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
    return trace_row(rows[0])


async def _few_spans(telemetry: SpanReader, place: dict[str, Any]) -> list[SpanRow]:
    """As `_spans` has them, in half the time: the store would plan that question longer than it reads."""
    rows = await telemetry.rows(trace_sql.spans_of_small_trace(), place | {"body_limit": _BODY_LIMIT})
    once: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=itemgetter("start_ns", "span_id")):
        once.setdefault((row["span_id"], row["door"]), row)
    return [span_row(row) for row in once.values()]


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
    spans = [span_row(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return SpanPage(spans, None)
    return SpanPage(spans, cursors.encode(Cursor(spans[-1].start_ns, spans[-1].span_id)))


def _unknown(trace_id: str) -> NotFound:
    return NotFound(f"no trace {trace_id[:80]!r}; a new one takes up to two seconds to appear")


async def outline(telemetry: SpanReader, *, org_id: str, trace: TraceRow) -> list[dict[str, Any]]:
    """What placing and timing needs of a trace's first MAX_SPANS spans: rows of outline_of_trace."""
    values = _place(org_id, trace) | {"limit": MAX_SPANS}
    return await telemetry.rows(trace_sql.outline_of_trace(), values)


async def named_outline(
    telemetry: SpanReader, extent: dict[str, Any]
) -> tuple[TraceRow, list[dict[str, Any]]]:
    """A trace that `extent_of` found, and its first MAX_SPANS spans as rows of its named outline.

    Raises NotFound when it is gone meanwhile.
    """
    rows = await telemetry.rows(trace_sql.outline_of_trace(is_named=True), extent | {"limit": MAX_SPANS})
    if not rows:
        raise _unknown(extent["trace"])
    is_whole = len(rows) < MAX_SPANS
    return trace_of_outline(rows) if is_whole else await _figures(telemetry, extent), rows


async def span_of(telemetry: SpanReader, extent: dict[str, Any], span_id: str) -> SpanRow | None:
    """A span of a trace that `extent_of` found; None where it has no such span."""
    asked = extent | {"span": span_id, "body_limit": _BODY_LIMIT}
    rows = await telemetry.rows(trace_sql.one_span(), asked)
    return span_row(rows[0]) if rows else None


async def one_span(
    telemetry: SpanReader, extent: dict[str, Any], span_id: str
) -> tuple[SpanRow, list[dict[str, Any]]]:
    """The same, and rows of the trace's outline: enough to split the span's time. Raises NotFound."""
    span = await span_of(telemetry, extent, span_id)
    if span is None:
        msg = f"the trace has no span {span_id[:80]!r}"
        raise NotFound(msg)
    these = [one for one in (span.span_id, span.parent_span_id) if one]
    near = extent | {"these": these, "limit": MAX_SPANS}
    return span, await telemetry.rows(trace_sql.relatives_of_span(), near)


async def list_requests(
    telemetry: SpanReader, wanted: SpanFilter, *, limit: int, cursor: str = ""
) -> SpanPage:
    """Calls that the filter wants whatever their trace, newest first, with bodies (shorter on long pages).

    A cursor brings the time range of its first page along. Raises InvalidInput for a foreign cursor.
    """
    wanted, before = cursors.resumed(wanted, cursor)
    values = parameters(wanted) | {"limit": limit + 1, "body_limit": _BODIES_BYTES // (2 * limit)}
    if before is not None:
        values |= {"before_ns": before.at_ns, "before_id": before.id}
    rows = await telemetry.rows(trace_sql.list_spans(wanted, is_continued=before is not None), values)
    spans = [span_row(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return SpanPage(spans, None)
    last = spans[-1]
    place = Cursor(last.start_ns, last.span_id, wanted.start_ns, wanted.end_ns)
    return SpanPage(spans, cursors.encode(place))
