"""The rows that questions about runs answer with: figures from the store, or from the calls themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatewayops.query import run_id as ids
from gatewayops.query.run_id import RunId
from gatewayops.query.trace_rows import servers_of, whose
from gatewayops.record.call_record import operation

_STEP = (
    *("trace_id", "span_id", "duration_ns", "server", "tool", "resource_uri", "status", "reason"),
    *("cost_micros", "input_tokens", "output_tokens"),
)
Call = dict[str, Any]  # a row of run_sql


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


def run_row(run: RunId, row: dict[str, Any]) -> RunRow:
    """From a row of run_sql's figures."""
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


def run_of(run: RunId, calls: Sequence[Call]) -> RunRow:
    """The same figures of all calls of a run, by their start."""
    errors = sum(call["status"] != "success" for call in calls)
    return RunRow(
        id=ids.encode(run),
        kind=run.kind,
        began_ns=calls[0]["at_ns"],
        ended_ns=max(call["at_ns"] + call["duration_ns"] for call in calls),
        steps=len(calls),
        errors=errors,
        outcome="success" if not errors else "recovered" if calls[-1]["status"] == "success" else "failed",
        cost_micros=sum(call["cost_micros"] for call in calls),
        input_tokens=sum(call["input_tokens"] for call in calls),
        output_tokens=sum(call["output_tokens"] for call in calls),
        **whose(calls),
        servers=servers_of(calls),
    )


def step_row(call: Call) -> Step:
    """From a row with all columns of a step."""
    return Step(
        operation=operation(call["method"]), start_ns=call["at_ns"], **{name: call[name] for name in _STEP}
    )


def place_of(call: Call) -> tuple[int, str]:
    """Where a call stands among others."""
    return call["at_ns"], call["span_id"]
