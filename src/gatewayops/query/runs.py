"""Runs: what an agent did in one go, stitched from calls without sessions (see store.telemetry.run_sql)."""

from dataclasses import dataclass
from typing import Any

from gatewayops.base.errors import NotFound
from gatewayops.query import cursor as cursors
from gatewayops.query import run_id as ids
from gatewayops.query.asking import SpanReader
from gatewayops.query.cursor import Cursor
from gatewayops.query.run_id import RunId
from gatewayops.query.traces import spans_of_time
from gatewayops.record.call_record import operation
from gatewayops.store.telemetry import run_sql
from gatewayops.store.telemetry.run_sql import IDLE, RunFilter

MAX_STEPS = 1_000
LONGEST_IDLE_NS = 7 * 24 * 3600 * 10**9  # of an idle run that never pauses, this much is shown
_BEFORE_ALL = Cursor(-(2**62), "")


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run. `outcome` is success when nothing failed, recovered when the last step did not, else failed.

    Ids are those of its first call that has any.
    """

    id: str
    kind: str  # what holds it together: trace, session, idle
    began_ns: int
    ended_ns: int
    steps: int
    errors: int
    outcome: str
    cost_micros: int
    input_tokens: int
    output_tokens: int
    user_id: str
    team_id: str
    project_id: str
    key_id: str
    env: str
    agent: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a run."""

    trace_id: str
    span_id: str
    start_ns: int
    duration_ns: int
    operation: str
    server: str
    tool: str
    resource_uri: str
    status: str
    reason: str
    cost_micros: int
    input_tokens: int
    output_tokens: int


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
    rows: list[dict[str, Any]] = []
    for since_ns in spans_of_time(wanted.start_ns, wanted.end_ns if before is None else before.at_ns):
        ask = run_sql.list_all_runs if since_ns == wanted.start_ns else run_sql.list_runs
        rows = await telemetry.rows(
            ask(wanted, is_continued=before is not None), values | {"since": since_ns}
        )
        if len(rows) > limit:
            break
    runs = [_run(_id_of(row), row) for row in rows[:limit]]
    if len(rows) <= limit:
        return RunPage(runs, None)
    last = rows[limit - 1]
    place = Cursor(last["began_ns"], last["run_name"], wanted.start_ns, wanted.end_ns)
    return RunPage(runs, cursors.encode(place))


async def get_run(telemetry: SpanReader, *, org_id: str, run_id: str) -> RunRow:
    """One run as it is now. Raises NotFound."""
    run = ids.decode(run_id)
    [row] = await telemetry.rows(run_sql.one_run(run.kind), _values(run, org_id))
    is_moved = run.kind == IDLE and row["began_ns"] != run.start_ns
    if not row["step_count"] or is_moved:
        msg = f"no run {run_id[:80]!r}: its calls are no longer kept, or belong to a trace by now"
        raise NotFound(msg)
    return _run(run, row)


async def list_steps(
    telemetry: SpanReader, *, org_id: str, run_id: str, limit: int = MAX_STEPS, cursor: str = ""
) -> StepPage:
    """The steps of a run that `get_run` found."""
    run = ids.decode(run_id)
    after = cursors.decode(cursor) if cursor else _BEFORE_ALL
    values = _values(run, org_id) | {"limit": limit + 1, "after_ns": after.at_ns, "after_id": after.id}
    rows = await telemetry.rows(run_sql.steps_of_run(run.kind), values)
    steps = [_step(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return StepPage(steps, None)
    return StepPage(steps, cursors.encode(Cursor(steps[-1].start_ns, steps[-1].span_id)))


def _values(run: RunId, org_id: str) -> dict[str, Any]:
    parts = {f"part_{number}": part for number, part in enumerate(run.parts, start=1)}
    times = {"start": run.start_ns, "end": run.start_ns + LONGEST_IDLE_NS} if run.kind == IDLE else {}
    return {"org": org_id, "run_key": [run.kind, *run.parts]} | parts | times


def _id_of(row: dict[str, Any]) -> RunId:
    kind, *parts = row["run_key"]
    return RunId(kind, tuple(parts), row["began_ns"] if kind == IDLE else 0)


def _run(run: RunId, row: dict[str, Any]) -> RunRow:
    return RunRow(
        id=ids.encode(run),
        kind=run.kind,
        began_ns=row["began_ns"],
        ended_ns=row["ended_ns"],
        steps=row["step_count"],
        errors=row["error_count"],
        outcome=row["outcome"],
        cost_micros=row["total_micros"],
        input_tokens=row["total_input_tokens"],
        output_tokens=row["total_output_tokens"],
        user_id=row["run_user"],
        team_id=row["run_team"],
        project_id=row["run_project"],
        key_id=row["run_key_id"],
        env=row["run_env"],
        agent=row["run_agent"],
        servers=tuple(sorted(name for name in row["servers"] if name)),
    )


def _step(row: dict[str, Any]) -> Step:
    return Step(operation=operation(row.pop("method")), start_ns=row.pop("at_ns"), **row)
