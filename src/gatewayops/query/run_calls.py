"""The calls of runs, read from few places; None where there are so many that the store had better sum up."""

from collections.abc import Sequence
from typing import Any

from gatewayops.query.asking import SpanReader
from gatewayops.query.run_id import RunId
from gatewayops.query.run_rows import Call, place_of
from gatewayops.query.run_stitching import Stitched, given_among, stitched, without_pauses
from gatewayops.query.trace_rows import calls_by_trace
from gatewayops.query.traces import extent_of
from gatewayops.store.telemetry import run_sql
from gatewayops.store.telemetry.run_sql import GAP_NS, IDLE, OF_A_STEP, SESSION, TRACE, RunFilter
from gatewayops.store.telemetry.trace_times import spans_of_traces

MOST_CALLS = 4_000
LONGEST_IDLE_NS = 7 * 24 * 3600 * 10**9  # of an idle run that never pauses, this much is shown
_SHORT_IDLE_NS = 2 * 3600 * 10**9  # what is looked at first
_ALL_TIME = {"start": 0, "end": 2**62}


async def runs_of(
    telemetry: SpanReader, wanted: RunFilter, newest: Sequence[Call], *, is_all: bool, until_ns: int
) -> list[Stitched] | None:
    """The runs that calls of run_sql.newest_calls belong to, whole if they began at or after the oldest.

    `is_all`: there are no more such calls until `until_ns`.
    """
    around = {"org": wanted.org_id, "start": wanted.start_ns, "end": wanted.end_ns}
    oldest_ns = wanted.start_ns - GAP_NS if is_all else newest[-1]["at_ns"] + 1
    is_every_call = not any(getattr(wanted, name) for name in OF_A_STEP)
    known = [call for call in newest if is_every_call and call["at_ns"] >= oldest_ns]
    lone = _lone(newest)
    asked = around | {
        "traces": list({call["trace"] for call in newest}),
        "sessions": list({call["session_hash"] for call in lone if call["session"]}),
        "callers": list({call["who"] for call in lone if not call["session"]}),
        "idle_from": oldest_ns - GAP_NS,
        "known_from": oldest_ns if is_every_call else 1,
        "known_to": until_ns if is_every_call else 0,
        "most": MOST_CALLS + 1,
    }
    others = await telemetry.rows(run_sql.other_calls(), asked)
    if len(others) > MOST_CALLS:
        return None
    calls = [*known, *others]
    ours = {call["trace_id"] for call in newest}
    elsewhere = {"start": wanted.start_ns - GAP_NS, "end": wanted.end_ns + GAP_NS}
    given = await _given(telemetry, around | elsewhere, calls, ours)
    if given is None:
        return None
    not_ours = given - ours  # runs of these began elsewhere
    return stitched([call for call in calls if call["trace_id"] not in not_ours], given)


async def calls_of(telemetry: SpanReader, org_id: str, run: RunId) -> Sequence[Call] | None:
    """All calls of a run by start. Raises NotFound for a trace that has no spans."""
    if run.kind == TRACE:
        extent = await extent_of(telemetry, org_id=org_id, trace_id=run.parts[0])
        calls = await _first_calls(telemetry, org_id, run, extent)
        return sorted(calls, key=place_of) if len(calls) <= MOST_CALLS else None
    lengths = (_SHORT_IDLE_NS, LONGEST_IDLE_NS) if run.kind == IDLE else (0,)
    for length_ns in lengths:
        end_ns = run.start_ns + length_ns
        calls = await _first_calls(telemetry, org_id, run, {"start": run.start_ns, "end": end_ns})
        if len(calls) > MOST_CALLS:
            return None
        given = await _given(telemetry, {"org": org_id} | _ALL_TIME, calls, set())
        if given is None:
            return None
        mine = sorted((call for call in calls if call["trace_id"] not in given), key=place_of)
        if run.kind == SESSION:
            return mine
        parts = list(without_pauses(mine))
        if len(parts) > 1 or (mine and mine[-1]["at_ns"] + GAP_NS < end_ns):
            break
    return parts[0] if parts else []


async def _first_calls(telemetry: SpanReader, org_id: str, run: RunId, where: dict[str, Any]) -> list[Call]:
    parts = {f"part_{number}": part for number, part in enumerate(run.parts, start=1)}
    values = where | parts | {"org": org_id, "most": MOST_CALLS + 1}
    return await telemetry.rows(run_sql.calls_of_run(run.kind), values)


async def _given(
    telemetry: SpanReader, where: dict[str, Any], calls: Sequence[Call], whole: set[str]
) -> set[str] | None:
    """The traces of calls that clients gave; of those in `whole` all calls are here."""
    given = given_among(calls)
    sure = given | whole
    unsure = {call["trace"] for call in calls if call["trace_id"] not in sure}
    if not unsure:
        return given
    asked = where | {"traces": list(unsure), "most": MOST_CALLS + 1}
    rows = await telemetry.rows(spans_of_traces(), asked)
    if len(rows) > MOST_CALLS:
        return None
    return given | {trace_id for trace_id, count in calls_by_trace(rows).items() if count > 1}


def _lone(calls: Sequence[Call]) -> list[Call]:
    given = given_among(calls)
    return [call for call in calls if call["trace_id"] not in given]
