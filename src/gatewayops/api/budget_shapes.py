"""The bodies of `/v1/budgets`: money in dollars, periods with their first day and the moment of the reset."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from gatewayops.api.shapes import LateShape, Listed, dollars
from gatewayops.base.errors import InvalidInput
from gatewayops.cost.budget import Forecast, Period, Scope
from gatewayops.cost.budgets.standing import Standing
from gatewayops.query.ledger_proof import ProvenDay
from gatewayops.store.control.budgets import Event, Override

Amount = Annotated[
    Decimal, Field(ge=0, le=1_000_000_000, description="dollars, to the millionth", examples=[100.0])
]


class PeriodBody(LateShape):
    """The current period, UTC: its first day, and when the budget begins anew."""

    start: date
    reset_at: datetime


class OverrideBody(LateShape):
    """More money until a moment."""

    id: str
    budget_id: str
    extra: float = Field(description="dollars")
    reason: str
    until: datetime
    made_by: str
    created_at: datetime


class BudgetBody(LateShape):
    """A budget and where it stands. `limit` is the amount with the overrides that hold now."""

    id: str
    name: str
    scope: Scope
    subject: str
    period: Period
    amount: float = Field(description="dollars")
    hard: bool = Field(description="calls are refused when it is spent")
    grace_percent: int = Field(description="by how much the calls of marked keys may go over")
    grace_keys: list[str]
    limit: float = Field(description="dollars")
    spent: float = Field(description="dollars, by the ledger, which lags behind by a second")
    remaining: float = Field(description="dollars")
    current_period: PeriodBody
    overrides: list[OverrideBody]
    created_at: datetime
    updated_at: datetime


class ForecastBody(LateShape):
    """If spending goes on as it did in this period and the last seven days."""

    expected: float = Field(description="dollars at the end of the period")
    exceeded_at: datetime | None = Field(description="when the limit is passed; null when it is not")


class EventBody(LateShape):
    """A threshold that was reached: 50, 80 or 100 per cent, once a period."""

    id: str
    budget_id: str
    period_start: date
    threshold: int
    spent: float = Field(description="dollars when it was noticed")
    limit: float = Field(description="dollars")
    created_at: datetime


class OneBudget(LateShape):
    """One budget."""

    budget: BudgetBody


class BudgetDetail(LateShape):
    """One budget, its forecast, and the thresholds that its current period has reached."""

    budget: BudgetBody
    forecast: ForecastBody
    events: list[EventBody]


class BudgetList(Listed):
    """A page of budgets."""

    budgets: list[BudgetBody]


class EventList(Listed):
    """A page of thresholds reached."""

    events: list[EventBody]


class OneOverride(LateShape):
    """One override."""

    override: OverrideBody


class OverrideList(LateShape):
    """All that hold now."""

    overrides: list[OverrideBody]


class ProvenDayBody(LateShape):
    """One day, dollars; `difference` is above zero where the ledger has more."""

    day: date
    ledger: float
    recorded: float
    difference: float


class ProofBody(LateShape):
    """Whether ledger and recorded calls agree to the micro-dollar on every day."""

    agrees: bool
    days: list[ProvenDayBody]


def whole_micros(field: str, amount: Decimal) -> int:
    """Raises InvalidInput for what is finer than a micro-dollar."""
    micros = amount * 1_000_000
    if micros != micros.to_integral_value():
        msg = f"{field}: dollars, not finer than a millionth"
        raise InvalidInput(msg)
    return int(micros)


def budget_body(one: Standing) -> BudgetBody:
    """As the API shows it."""
    budget, spec = one.budget, one.budget.spec
    return BudgetBody(
        id=budget.id,
        name=spec.name,
        scope=Scope(spec.scope),
        subject=spec.subject,
        period=Period(spec.period),
        amount=dollars(spec.amount_micros),
        hard=spec.is_hard,
        grace_percent=spec.grace_percent,
        grace_keys=list(spec.grace_keys),
        limit=dollars(one.limit_micros),
        spent=dollars(one.spent_micros),
        remaining=dollars(one.remaining_micros),
        current_period=PeriodBody(start=one.span.start, reset_at=datetime.combine(one.span.end, time(), UTC)),
        overrides=[override_body(override) for override in budget.overrides],
        created_at=budget.created_at,
        updated_at=budget.updated_at,
    )


def override_body(override: Override) -> OverrideBody:
    """As the API shows it."""
    return OverrideBody(
        id=override.id,
        budget_id=override.budget_id,
        extra=dollars(override.extra_micros),
        reason=override.reason,
        until=override.until,
        made_by=override.made_by,
        created_at=override.created_at,
    )


def event_body(event: Event) -> EventBody:
    """As the API shows it."""
    return EventBody(
        id=event.id,
        budget_id=event.budget_id,
        period_start=event.period_start,
        threshold=event.threshold,
        spent=dollars(event.spent_micros),
        limit=dollars(event.amount_micros),
        created_at=event.created_at,
    )


def forecast_body(found: Forecast) -> ForecastBody:
    """As the API shows it."""
    return ForecastBody(expected=dollars(found.expected_micros), exceeded_at=found.exceeded_at)


def proof_body(days: list[ProvenDay]) -> ProofBody:
    """As the API shows it."""
    return ProofBody(
        agrees=all(day.difference_micros == 0 for day in days),
        days=[
            ProvenDayBody(
                day=day.day,
                ledger=dollars(day.ledger_micros),
                recorded=dollars(day.recorded_micros),
                difference=dollars(day.difference_micros),
            )
            for day in days
        ],
    )
