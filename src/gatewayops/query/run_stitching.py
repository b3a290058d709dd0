"""Calls put together into runs, as store.telemetry.run_sql says: few calls are, here, in less time. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from gatewayops.query.cursor import Cursor
from gatewayops.query.run_id import RunId
from gatewayops.query.run_rows import Call, RunRow, place_of, run_of
from gatewayops.store.telemetry.run_sql import GAP_NS, IDLE, OF_A_STEP, SESSION, TRACE, RunFilter

Stitched = tuple[RunId, Sequence[Call]]


def given_among(calls: Sequence[Call]) -> set[str]:
    """Traces that the client gave, as far as these calls tell: with a parent, or with several calls."""
    several = Counter(call["trace_id"] for call in calls)
    return {call["trace_id"] for call in calls if call["parent_span_id"] or several[call["trace_id"]] > 1}


def stitched(calls: Iterable[Call], given: Collection[str]) -> list[Stitched]:
    """Runs with their calls by start; `given` are the traces that clients gave."""
    groups: dict[tuple[str, ...], list[Call]] = {}
    for call in sorted(calls, key=place_of):
        groups.setdefault(_key(call, given), []).append(call)
    found: list[Stitched] = []
    for (kind, *parts), together in groups.items():
        if kind == IDLE:
            found += [(RunId(kind, tuple(parts), run[0]["at_ns"]), run) for run in without_pauses(together)]
        else:
            found.append((RunId(kind, tuple(parts)), together))
    return found


def without_pauses(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    """Calls by their start, cut where more than GAP_NS lies between two."""
    first = 0
    for number in range(1, len(calls)):
        if calls[number]["at_ns"] - calls[number - 1]["at_ns"] > GAP_NS:
            yield calls[first:number]
            first = number
    if calls:
        yield calls[first:]


def wanted_run(run: Stitched, wanted: RunFilter, since_ns: int, before: Cursor | None) -> RunRow | None:
    """Its figures if the filter wants it and it began at or after `since_ns`."""
    run_id, calls = run
    if calls[0]["at_ns"] < since_ns or not _has_steps(calls, wanted):
        return None
    row = run_of(run_id, calls)
    is_wanted = (
        row.began_ns < wanted.end_ns
        and row.outcome == (wanted.outcome or row.outcome)
        and row.steps >= wanted.min_steps
        and row.ended_ns - row.began_ns >= wanted.min_duration_ns
        and row.cost_micros >= wanted.min_cost_micros
        and (before is None or (row.began_ns, name_of(run_id)) < (before.at_ns, before.id.encode()))
    )
    return row if is_wanted else None


def name_of(run: RunId) -> bytes:
    """What orders runs that began at the same time."""
    return "\x1f".join([run.kind, *run.parts]).encode()


def _key(call: Call, given: Collection[str]) -> tuple[str, ...]:
    if call["trace_id"] in given:
        return TRACE, call["trace_id"]
    if call["session"]:
        return SESSION, call["key_id"], call["session"]
    return IDLE, call["key_id"], call["user_id"], call["agent"]


def _has_steps(calls: Sequence[Call], wanted: RunFilter) -> bool:
    asked = {name: getattr(wanted, name) for name in OF_A_STEP if getattr(wanted, name)}
    return all(any(call[name] == value for call in calls) for name, value in asked.items())
