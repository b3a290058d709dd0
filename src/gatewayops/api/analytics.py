"""`/v1/analytics`: who uses the tools, how often, in which order, and for what."""

from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from gatewayops.api.analytics_shapes import (
    ActiveBody,
    ActiveUsers,
    CohortBody,
    Figure,
    Funnel,
    IntentBody,
    Intents,
    Interval,
    JourneyBody,
    Journeys,
    Question,
    QuestionAsked,
    Retention,
    RollingBody,
    SegmentBody,
    Segments,
    StepBody,
    Summary,
    Tools,
    ToolUseBody,
    ValueBody,
    Values,
)
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.recent import MAY_BE_OLD
from gatewayops.base.errors import InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.query import analytics, behaviour
from gatewayops.query.analytics import Headline, Rolling, change

router = LateRouter(prefix="/v1/analytics", tags=["Analytics"], dependencies=[MAY_BE_OLD])

_MOST_STEPS = 10

Reader = Annotated[Principal, Depends(principal_for("analytics.read"))]
Limit = Annotated[int, Query(ge=1, le=200)]
StepName = Annotated[str, Query(min_length=1, max_length=400)]
Steps = Annotated[list[StepName], Query(json_schema_extra={"minItems": 2, "maxItems": _MOST_STEPS})]

Shape = TypeVar("Shape", bound=BaseModel)

_MONTH = 30
_MAX_WINDOW_S = 31 * 86_400


@router.get("/summary")
async def summary(caller: Reader, parts: Parts, question: QuestionAsked) -> Summary:
    """Users, sessions, calls and errors of the period, beside the period of the same length before it."""
    asked = question.asked_by(caller)
    now = await analytics.headline(parts.telemetry, asked)
    before = await analytics.headline(parts.telemetry, asked.before)
    return Summary(**_about(question), **_figures(now, before), previous_period=question.days.before.period)


@router.get("/active-users")
async def active_users(
    caller: Reader, parts: Parts, question: QuestionAsked, interval: Interval = "day"
) -> ActiveUsers:
    """Users by day, week or month, new and returning; and the daily, weekly and monthly users of each day."""
    asked = question.asked_by(caller)
    series = await analytics.active_users(parts.telemetry, asked, interval=interval)
    rolling = await analytics.rolling_users(parts.telemetry, asked)
    return ActiveUsers(
        **_about(question),
        interval=interval,
        series=[
            _body(ActiveBody, row, start=row.start.isoformat(), returning_users=row.users - row.new_users)
            for row in series
        ],
        rolling=[
            _body(RollingBody, row, date=row.day.isoformat(), stickiness=_part(row.daily, row.monthly))
            for row in rolling
        ],
        stickiness=_stickiness(rolling),
    )


@router.get("/segments")
async def segments(caller: Reader, parts: Parts, question: QuestionAsked) -> Segments:
    """Users by how many sessions they had."""
    found = await analytics.segments(parts.telemetry, question.asked_by(caller))
    users = sum(row.users for row in found)
    return Segments(
        **_about(question),
        users=users,
        segments=[_body(SegmentBody, row, share=_part(row.users, users) or 0.0) for row in found],
    )


@router.get("/retention")
async def retention(caller: Reader, parts: Parts, question: QuestionAsked) -> Retention:
    """Weekly cohorts: of the users first seen in a week, how many called in the weeks after."""
    found = await analytics.retention(parts.telemetry, question.asked_by(caller))
    return Retention(
        **_about(question),
        cohorts=[
            _body(
                CohortBody,
                row,
                week=row.week.isoformat(),
                rates=[count / row.users for count in row.active],
            )
            for row in found
        ],
    )


@router.get("/funnel")
async def funnel(
    caller: Reader,
    parts: Parts,
    question: QuestionAsked,
    step: Steps,
    window_s: Annotated[int, Query(ge=1, le=_MAX_WINDOW_S)] = 86_400,
) -> Funnel:
    """How many users called the tools `step`, `step`… in this order, within the window after the first."""
    if not 2 <= len(step) <= _MOST_STEPS:
        msg = f"step: a funnel is of 2 to {_MOST_STEPS} tools, in their order; this names {len(step)}"
        raise InvalidInput(msg)
    found = await behaviour.funnel(parts.telemetry, question.asked_by(caller), steps=step, window_s=window_s)
    before = [found[0], *found]
    return Funnel(
        **_about(question),
        window_s=window_s,
        steps=[
            _body(
                StepBody,
                row,
                rate=_part(row.users, found[0].users),
                step_rate=_part(row.users, earlier.users),
            )
            for row, earlier in zip(found, before, strict=False)
        ],
    )


@router.get("/journeys")
async def journeys(
    caller: Reader,
    parts: Parts,
    question: QuestionAsked,
    length: Annotated[int, Query(ge=2, le=8)] = 3,
    limit: Limit = 20,
) -> Journeys:
    """The most frequent sequences of so many tools within a session."""
    found = await behaviour.journeys(parts.telemetry, question.asked_by(caller), length=length, limit=limit)
    return Journeys(
        **_about(question),
        length=length,
        journeys=[_body(JourneyBody, row) for row in found],
    )


@router.get("/tools")
async def tools(caller: Reader, parts: Parts, question: QuestionAsked, limit: Limit = 20) -> Tools:
    """The most called tools."""
    found = await behaviour.top_tools(parts.telemetry, question.asked_by(caller), limit=limit)
    return Tools(
        **_about(question),
        calls=found.calls,
        tools=[
            _body(
                ToolUseBody,
                row,
                server=row.server or None,
                share=row.calls / found.calls,
                error_rate=row.errors / row.calls,
                previous_calls=row.calls_before,
                change=change(row.calls, row.calls_before),
            )
            for row in found.tools
        ],
    )


@router.get("/arguments")
async def arguments(
    caller: Reader,
    parts: Parts,
    question: QuestionAsked,
    tool: Annotated[str, Query(min_length=1, max_length=255)],
    field: Annotated[str, Query(min_length=1, max_length=255, examples=["filters.language"])],
    limit: Limit = 20,
) -> Values:
    """The most frequent values of a field of a tool's arguments, if `analytics.argument_fields` names it."""
    found = await behaviour.top_values(
        parts.telemetry, question.asked_by(caller), parts.analytics, tool=tool, field=field, limit=limit
    )  # fmt: skip
    return Values(
        **_about(question),
        tool=tool,
        field=field,
        calls=found.calls,
        values=[_body(ValueBody, row, share=row.calls / found.calls) for row in found.values],
    )


@router.get("/intents")
async def intents(caller: Reader, parts: Parts, question: QuestionAsked) -> Intents:
    """What calls were for, by the rules in `analytics.intents`."""
    found = await behaviour.intents(parts.telemetry, question.asked_by(caller), parts.analytics)
    calls = sum(row.calls for row in found)
    return Intents(
        **_about(question),
        calls=calls,
        intents=[
            _body(IntentBody, row, intent=row.label, share=_part(row.calls, calls) or 0.0) for row in found
        ],
    )


def _body(kind: type[Shape], row: object, **more: Any) -> Shape:  # noqa: ANN401 - of any field
    """A row of a query: what is given, and besides the row's fields of the same names."""
    same = {name: getattr(row, name) for name in kind.model_fields if name not in more}
    return kind(**same, **more)


def _about(question: Question) -> dict[str, Any]:
    return {"period": question.days.period, "server": question.server or None}


def _figures(now: Headline, before: Headline) -> dict[str, Any]:
    return {
        name: Figure(value=value, previous=was, change=change(value, was))
        for (name, value), was in zip(_headline(now).items(), _headline(before).values(), strict=True)
    }


def _headline(found: Headline) -> dict[str, float]:
    return {
        "users": found.users,
        "new_users": found.new_users,
        "returning_users": found.returning_users,
        "sessions": found.sessions,
        "calls": found.calls,
        "error_rate": _part(found.errors, found.calls) or 0.0,
        "tools": found.tools,
        "calls_per_session": _part(found.calls, found.sessions) or 0.0,
    }


def _stickiness(rolling: list[Rolling]) -> float | None:
    lately = rolling[-_MONTH:]
    return _part(sum(row.daily for row in lately) / len(lately), lately[-1].monthly)


def _part(part: float, whole: float) -> float | None:
    return part / whole if whole else None
