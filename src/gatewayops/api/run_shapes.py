"""The runs API's bodies, and how rows of `query` become them: dollars, milliseconds, ISO times."""

from pydantic import Field

from gatewayops.api.periods import iso, ms
from gatewayops.api.shapes import LateShape, Listed, dollars
from gatewayops.query.run_comparison import Pair
from gatewayops.query.run_rows import RunRow, Step


class RunBody(LateShape):
    """What an agent did in one go."""

    id: str = Field(examples=["run_k6V0cmFjZZHZIDRiZjkyZjM1NzdiMzRkYTZhM2NlOTI5ZDBlMGU0NzM2AA"])
    stitched_by: str = Field(description="trace, session, or idle: same key, user and agent, no 30 min pause")
    start_time: str
    end_time: str
    duration_ms: float
    steps: int
    errors: int
    outcome: str = Field(description="success; recovered: something failed but not the last step; failed")
    total_cost: float = Field(description="dollars")
    input_tokens: int = Field(description="estimated")
    output_tokens: int = Field(description="estimated")
    user_id: str | None
    team_id: str | None
    project_id: str | None
    key_id: str | None
    agent_name: str | None
    environment: str | None
    servers: list[str]


class StepBody(LateShape):
    """One call of a run."""

    trace_id: str
    span_id: str
    start_time: str
    duration_ms: float
    operation: str
    server: str | None
    tool: str | None
    resource_uri: str | None
    status: str
    reason: str | None
    cost: float = Field(description="dollars")
    input_tokens: int
    output_tokens: int


class RunList(Listed):
    """A page of runs, newest first."""

    runs: list[RunBody]


class OneRun(Listed):
    """A run, and a page of its steps in order of start."""

    run: RunBody
    steps: list[StepBody]


class PairBody(LateShape):
    """A step of both runs, or of one; the differences are b's minus a's, null without both."""

    change: str = Field(description="same, status (it ended differently), only_a, only_b")
    a: StepBody | None
    b: StepBody | None
    duration_ms: float | None
    cost: float | None


class Difference(LateShape):
    """b's figures minus a's."""

    duration_ms: float
    steps: int
    errors: int
    cost: float = Field(description="dollars")
    input_tokens: int
    output_tokens: int


class Comparison(LateShape):
    """Two runs step by step."""

    a: RunBody
    b: RunBody
    difference: Difference
    steps: list[PairBody]
    is_cut: bool = Field(description="a run has more than 1,000 steps: the first 1,000 are compared")


def run_body(run: RunRow) -> RunBody:
    """A run without its steps."""
    return RunBody(
        id=run.id,
        stitched_by=run.kind,
        start_time=iso(run.began_ns),
        end_time=iso(run.ended_ns),
        duration_ms=ms(run.ended_ns - run.began_ns),
        steps=run.steps,
        errors=run.errors,
        outcome=run.outcome,
        total_cost=dollars(run.cost_micros),
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        user_id=run.user_id or None,
        team_id=run.team_id or None,
        project_id=run.project_id or None,
        key_id=run.key_id or None,
        agent_name=run.agent or None,
        environment=run.env or None,
        servers=list(run.servers),
    )


def step_body(step: Step) -> StepBody:
    """One step."""
    return StepBody(
        trace_id=f"tr_{step.trace_id}",
        span_id=step.span_id,
        start_time=iso(step.start_ns),
        duration_ms=ms(step.duration_ns),
        operation=step.operation,
        server=step.server or None,
        tool=step.tool or None,
        resource_uri=step.resource_uri or None,
        status=step.status,
        reason=step.reason or None,
        cost=dollars(step.cost_micros),
        input_tokens=step.input_tokens,
        output_tokens=step.output_tokens,
    )


def pair_body(pair: Pair) -> PairBody:
    """A row of a comparison."""
    a, b = pair.a, pair.b
    return PairBody(
        change=pair.change,
        a=step_body(a) if a else None,
        b=step_body(b) if b else None,
        duration_ms=ms(b.duration_ns - a.duration_ns) if a and b else None,
        cost=dollars(b.cost_micros - a.cost_micros) if a and b else None,
    )


def difference(a: RunRow, b: RunRow) -> Difference:
    """What b is beyond a."""
    return Difference(
        duration_ms=ms((b.ended_ns - b.began_ns) - (a.ended_ns - a.began_ns)),
        steps=b.steps - a.steps,
        errors=b.errors - a.errors,
        cost=dollars(b.cost_micros - a.cost_micros),
        input_tokens=b.input_tokens - a.input_tokens,
        output_tokens=b.output_tokens - a.output_tokens,
    )
