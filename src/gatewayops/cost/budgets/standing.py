"""Where budgets stand: what the ledger says of each in its current period. For the control role only."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import msgspec

from gatewayops.base import clock
from gatewayops.cost.budget import (
    RECENT_DAYS,
    Forecast,
    Period,
    Scope,
    Span,
    forecast,
    remaining_micros,
    span_at,
    thresholds_reached,
)
from gatewayops.cost.budgets.totals import LedgerState, Total
from gatewayops.store.control import budgets, ledger, spool_positions
from gatewayops.store.control.budgets import Budget
from gatewayops.store.control.database import Session
from gatewayops.store.control.ledger import Usage

CONSUMER = "ledger"
_COLUMNS = {Scope.TEAM: "team_id", Scope.PROJECT: "project_id", Scope.USER: "user_id", Scope.KEY: "key_id"}
_PERIODS = tuple(Period)


class Standing(msgspec.Struct, frozen=True):
    """One budget now; `limit_micros` has the overrides in it."""

    budget: Budget
    span: Span
    limit_micros: int
    spent_micros: int

    @property
    def remaining_micros(self) -> int:
        """What may still be spent."""
        return remaining_micros(self.limit_micros, self.spent_micros)


async def standings(session: Session, found: Iterable[Budget]) -> list[Standing]:
    """Of these budgets, in their order."""
    asked = list(found)
    now = clock.now()
    spans = {period: span_at(period, now) for period in _PERIODS}
    org_ids = {budget.org_id for budget in asked}
    since = tuple(spans[period].start for period in _PERIODS)
    spent = await ledger.usage(session, since=since, org_ids=org_ids)
    parents = await budgets.team_parents(session, org_ids)
    sums = _sums(spent, parents)
    return [
        Standing(
            budget=budget,
            span=spans[Period(budget.spec.period)],
            limit_micros=budget.limit_micros(now),
            spent_micros=sums.get(
                (budget.org_id, budget.spec.scope, budget.spec.subject, budget.spec.period), 0
            ),
        )
        for budget in asked
    ]


async def state_for_gateways(session: Session) -> LedgerState:
    """The totals of all hard budgets and the positions they go with; to be read in one transaction."""
    found = await standings(session, await budgets.hard_ones(session))
    totals = tuple(Total(one.budget.id, one.span.start.isoformat(), one.spent_micros) for one in found)
    return LedgerState(totals, await spool_positions.offsets(session, CONSUMER))


async def raise_thresholds(session: Session, found: Iterable[Budget]) -> None:
    """Notes which thresholds these budgets have reached; each once a period."""
    for one in await standings(session, found):
        for threshold in thresholds_reached(one.limit_micros, one.spent_micros):
            await budgets.raise_event(
                session,
                budget=one.budget,
                start=one.span.start,
                threshold=threshold,
                spent_micros=one.spent_micros,
            )


async def forecast_of(session: Session, one: Standing) -> Forecast:
    """What will have been spent at the end of its period."""
    now = clock.now()
    since = min(one.span.start, now.date() - timedelta(days=RECENT_DAYS))
    return forecast(
        span=one.span,
        now=now,
        limit_micros=one.limit_micros,
        spent_micros=one.spent_micros,
        by_day=await _by_day(session, one.budget, since, now),
    )


async def _by_day(session: Session, budget: Budget, since: date, now: datetime) -> dict[date, int]:
    scope, subject = Scope(budget.spec.scope), budget.spec.subject
    if scope is Scope.ORGANIZATION:
        return await ledger.by_day(session, org_id=budget.org_id, since=since)
    ids: tuple[str, ...] = (subject,)
    if scope is Scope.TEAM:
        parents = await budgets.team_parents(session, (budget.org_id,))
        ids = tuple(team for team in {subject, *parents} if subject in lineage(team, parents))
    found = await ledger.by_day(session, org_id=budget.org_id, since=since, subject=(_COLUMNS[scope], ids))
    return {day: micros for day, micros in found.items() if day <= now.date()}


def lineage(team_id: str, parents: Mapping[str, str]) -> list[str]:
    """The team and those above it."""
    found: list[str] = []
    while team_id and team_id not in found:
        found.append(team_id)
        team_id = parents.get(team_id, "")
    return found


def _sums(spent: list[Usage], parents: Mapping[str, str]) -> dict[tuple[str, str, str, str], int]:
    """By organisation, scope, subject and period."""
    sums: dict[tuple[str, str, str, str], int] = {}
    for usage in spent:
        subjects = [
            (Scope.ORGANIZATION, usage.org_id),
            (Scope.KEY, usage.key_id),
            (Scope.USER, usage.user_id),
            (Scope.PROJECT, usage.project_id),
            *((Scope.TEAM, team) for team in lineage(usage.team_id, parents)),
        ]
        for period, micros in zip(_PERIODS, usage.spent_micros, strict=True):
            for scope, subject in subjects:
                key = (usage.org_id, scope.value, subject, period.value)
                sums[key] = sums.get(key, 0) + micros
    return sums
