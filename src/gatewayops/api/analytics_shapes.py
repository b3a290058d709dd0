"""What `/v1/analytics` takes and answers."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import Field

from gatewayops.api.days import DaysAsked, Period
from gatewayops.api.shapes import LateShape
from gatewayops.base.errors import InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.query.analytics import Asked

_MAX_DAYS = 400
_DAY_NS = 86_400 * 10**9

Interval = Literal["day", "week", "month"]


class Question(LateShape):
    """The period and the server asked about."""

    days: DaysAsked
    server: str

    def asked_by(self, caller: Principal) -> Asked:
        """As the queries take it."""
        return Asked(
            org_id=caller.org_id, start_ns=self.days.start_ns, end_ns=self.days.end_ns, server=self.server
        )


def _question(
    days: DaysAsked,
    server: Annotated[str, Query(max_length=100, description="only calls to this server")] = "",
) -> Question:
    if days.end_ns - days.start_ns > _MAX_DAYS * _DAY_NS:
        msg = f"start_date: at most {_MAX_DAYS} days before end_date"
        raise InvalidInput(msg)
    return Question(days=days, server=server)


QuestionAsked = Annotated[Question, Depends(_question)]


class Answered(LateShape):
    """Which period and (null: any) server the figures are of."""

    period: Period
    server: str | None


class Figure(LateShape):
    """A figure beside that of the period before; `change` 0.5 is half as much again, null from nothing."""

    value: float
    previous: float
    change: float | None


class Summary(Answered):
    """The headline figures, period over period. New users made their first retained call in the period."""

    previous_period: Period
    users: Figure
    new_users: Figure
    returning_users: Figure
    sessions: Figure
    calls: Figure
    error_rate: Figure
    tools: Figure
    calls_per_session: Figure


class ActiveBody(LateShape):
    """A day, a week (by its Monday) or a month (by its first day); only calls of the period count."""

    start: str = Field(examples=["2026-01-05"])
    users: int
    new_users: int
    returning_users: int
    calls: int


class RollingBody(LateShape):
    """Users of the day, and of the 7 and 30 days that end with it; `stickiness` is daily over monthly."""

    date: str
    daily: int
    weekly: int
    monthly: int
    stickiness: float | None


class ActiveUsers(Answered):
    """`stickiness`: mean daily users of the (at most 30) last days over the last day's monthly users."""

    interval: Interval
    series: list[ActiveBody]
    rolling: list[RollingBody]
    stickiness: float | None


class SegmentBody(LateShape):
    """Users by how many sessions they had in the period; `share` of all users."""

    sessions: str = Field(examples=["6-20"])
    users: int
    share: float
    session_count: int
    calls: int


class Segments(Answered):
    """1 to 5, 6 to 20, and more than 20 sessions."""

    users: int
    segments: list[SegmentBody]


class CohortBody(LateShape):
    """Users first seen in the week of this Monday: how many called in that week and in those after it."""

    week: str
    users: int
    active: list[int]
    rates: list[float]


class Retention(Answered):
    """The period's weeks that brought new users."""

    cohorts: list[CohortBody]


class StepBody(LateShape):
    """`rate` is of the first step's users, `step_rate` of the step's before; null where there were none."""

    tool: str
    users: int
    rate: float | None
    step_rate: float | None


class Funnel(Answered):
    """How many users called the tools in this order within the window."""

    window_s: int
    steps: list[StepBody]


class JourneyBody(LateShape):
    """Tools called one after the other in a session."""

    steps: list[str]
    times: int
    sessions: int
    users: int


class Journeys(Answered):
    """The most frequent first."""

    length: int
    journeys: list[JourneyBody]


class ToolUseBody(LateShape):
    """`share` is of all tool calls, `change` against the period before (null from nothing)."""

    server: str | None
    tool: str
    calls: int
    share: float
    error_rate: float
    users: int
    sessions: int
    previous_calls: int
    change: float | None


class Tools(Answered):
    """The most called first; `calls` are those of all tools."""

    calls: int
    tools: list[ToolUseBody]


class ValueBody(LateShape):
    """The first 200 characters of a value; `share` is of the calls that have one."""

    value: str
    calls: int
    share: float
    users: int


class Values(Answered):
    """The most frequent first; `calls` are those with a text, number or boolean in the field."""

    tool: str
    field: str
    calls: int
    values: list[ValueBody]


class IntentBody(LateShape):
    """`intent` is null for calls that no rule names."""

    intent: str | None
    calls: int
    share: float
    users: int
    sessions: int


class Intents(Answered):
    """The intents of the settings in their order; a call counts for the first that fits."""

    calls: int
    intents: list[IntentBody]
