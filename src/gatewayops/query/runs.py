"""Runs: what an agent did in one go, stitched from calls without sessions (see store.telemetry.run_sql)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatewayops.base.errors import NotFound
from gatewayops.query import cursor as cursors
from gatewayops.query import run_id as ids
from gatewayops.query.asking import SpanReader
from gatewayops.query.cursor import Cursor
from gatewayops.query.run_calls import LONGEST_IDLE_NS, calls_of, runs_of
from gatewayops.query.run_id import RunId
from gatewayops.query.run_rows import Call, RunRow, Step, place_of, run_of, run_row, step_row
from gatewayops.query.run_stitching import name_of, wanted_run
from gatewayops.query.traces import spans_of_time
from gatewayops.store.telemetry import run_sql
from gatewayops.store.telemetry.run_sql import IDLE, RunFilter

MAX_STEPS = 1_000
_CALLS_A_RUN = (24, 96)  # as many of the newest calls are looked at for each run of a page; then more
_BEFORE_ALL = Cursor(-(2**62), "")
Named = tuple[RunId, RunRow]


@dataclass(frozen=True, slots=True)
class RunPage:
    """Newest first; `cursor` is None on the last page."""

    runs: list[RunRow]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class StepPage:
    """By start; `cursor` is None on the last page."""

    steps: list[Step]
    cursor: str | None


async def list_runs(telemetry: SpanReader, wanted: RunFilter, *, limit: int, cursor: str = "") -> RunPage:
    """Runs that began in the time range; their figures count calls until half an hour after its end.

    A cursor brings the time range of its first page along. Raises InvalidInput for a foreign cursor.
    """
    wanted, before = cursors.resumed(wanted, cursor)
    values = run_sql.list_values(wanted) | {"limit": limit + 1}
    if before is not None:
        values |= {"before_ns": before.at_ns, "before_name": before.id}
    found = await _newest(telemetry, wanted, values, before)
    if found is None:
        found = await _summed_up(telemetry, wanted, values, before)
    runs = [row for _, row in found[:limit]]
    if len(found) <= limit:
        return RunPage(runs, None)
    last, row = found[limit - 1]
    place = Cursor(row.began_ns, name_of(last).decode(), wanted.start_ns, wanted.end_ns)
    return RunPage(runs, cursors.encode(place))


async def _newest(
    telemetry: SpanReader, wanted: RunFilter, values: dict[str, Any], before: Cursor | None
) -> list[Named] | None:
    """The page, and one run more if there is; None where the newest calls do not fill it."""
    until_ns = wanted.end_ns - 1 if before is None else before.at_ns
    sql = run_sql.newest_calls(wanted)
    for calls_a_run in _CALLS_A_RUN:
        most = values["limit"] * calls_a_run
        newest = await telemetry.rows(sql, values | {"until": until_ns, "limit": most})
        if not newest:
            return []
        is_all = len(newest) < most
        stitched = await runs_of(telemetry, wanted, newest, is_all=is_all, until_ns=until_ns)
        if stitched is None:
            return None
        since_ns = wanted.start_ns if is_all else max(wanted.start_ns, newest[-1]["at_ns"] + 1)
        rows = [(run[0], wanted_run(run, wanted, since_ns, before)) for run in stitched]
        found = [(run, row) for run, row in rows if row is not None]
        if len(found) >= values["limit"] or since_ns == wanted.start_ns:
            found.sort(key=_place, reverse=True)
            return found[: values["limit"]]
    return None


def _place(found: Named) -> tuple[int, bytes]:
    run, row = found
    return row.began_ns, name_of(run)


async def _summed_up(
    telemetry: SpanReader, wanted: RunFilter, values: dict[str, Any], before: Cursor | None
) -> list[Named]:
    """The same by the store, however many calls that takes."""
    rows: list[dict[str, Any]] = []
    for since_ns in spans_of_time(wanted.start_ns, wanted.end_ns if before is None else before.at_ns):
        ask = run_sql.list_all_runs if since_ns == wanted.start_ns else run_sql.list_runs
        rows = await telemetry.rows(
            ask(wanted, is_continued=before is not None), values | {"since": since_ns}
        )
        if len(rows) >= values["limit"]:
            break
    return [(run, run_row(run, row)) for run, row in ((_id_of(row), row) for row in rows)]


async def one_run(
    telemetry: SpanReader, *, org_id: str, run_id: str, limit: int = MAX_STEPS, cursor: str = ""
) -> tuple[RunRow, StepPage]:
    """One run as it is now, and a page of its steps. Raises NotFound."""
    run = ids.decode(run_id)
    after = cursors.decode(cursor) if cursor else _BEFORE_ALL
    try:
        calls = await calls_of(telemetry, org_id, run)
    except NotFound as error:
        raise _gone(run_id) from error
    if calls is None:
        return await _large_run(telemetry, org_id=org_id, run_id=run_id, limit=limit, after=after)
    if not calls or (run.kind == IDLE and calls[0]["at_ns"] != run.start_ns):
        raise _gone(run_id)
    rest = [call for call in calls if place_of(call) > (after.at_ns, after.id)]
    return run_of(run, calls), _page_of_steps(rest[: limit + 1], limit)


async def _large_run(
    telemetry: SpanReader, *, org_id: str, run_id: str, limit: int, after: Cursor
) -> tuple[RunRow, StepPage]:
    """The same by the store, however many calls there are."""
    run = ids.decode(run_id)
    values = _values(run, org_id)
    [row] = await telemetry.rows(run_sql.one_run(run.kind), values)
    is_moved = run.kind == IDLE and row["began_ns"] != run.start_ns
    if not row["step_count"] or is_moved:
        raise _gone(run_id)
    asked = values | {"limit": limit + 1, "after_ns": after.at_ns, "after_id": after.id}
    rows = await telemetry.rows(run_sql.steps_of_run(run.kind), asked)
    return run_row(run, row), _page_of_steps(rows, limit)


def _page_of_steps(calls: Sequence[Call], limit: int) -> StepPage:
    """Of one call more than are shown, if there is one."""
    steps = [step_row(call) for call in calls[:limit]]
    if len(calls) <= limit:
        return StepPage(steps, None)
    return StepPage(steps, cursors.encode(Cursor(steps[-1].start_ns, steps[-1].span_id)))


def _gone(run_id: str) -> NotFound:
    return NotFound(f"no run {run_id[:80]!r}: its calls are no longer kept, or belong to a trace by now")


def _values(run: RunId, org_id: str) -> dict[str, Any]:
    parts = {f"part_{number}": part for number, part in enumerate(run.parts, start=1)}
    times = {"start": run.start_ns, "end": run.start_ns + LONGEST_IDLE_NS} if run.kind == IDLE else {}
    return {"org": org_id, "run_key": [run.kind, *run.parts]} | parts | times


def _id_of(row: dict[str, Any]) -> RunId:
    kind, *parts = row["run_key"]
    return RunId(kind, tuple(parts), row["began_ns"] if kind == IDLE else 0)
