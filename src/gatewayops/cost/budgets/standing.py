"""Where budgets stand: what the ledger says of each in its current period. For the control role only."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain

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
from gatewayops.store.control.ledger import Spender

CONSUMER = "ledger"
_PERIODS = tuple(Period)
_AT = {period.value: at for at, period in enumerate(_PERIODS)}


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
    spenders = await _spenders(session, asked)
    since = tuple(spans[period].start for period in _PERIODS)
    spent = await ledger.spent(session, chain.from_iterable(spenders), since=since)
    return [
        Standing(
            budget=budget,
            span=spans[Period(budget.spec.period)],
            limit_micros=budget.limit_micros(now),
            spent_micros=sum(spent[one][_AT[budget.spec.period]] for one in who if one in spent),
        )
        for budget, who in zip(asked, spenders, strict=True)
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


async def forecasts(session: Session, found: Sequence[Standing]) -> list[Forecast]:
    """What each will have spent at the end of its period."""
    now = clock.now()
    since = min((one.span.start for one in found), default=now.date())
    since = min(since, now.date() - timedelta(days=RECENT_DAYS))
    spenders = await _spenders(session, [one.budget for one in found])
    days = await ledger.days(session, chain.from_iterable(spenders), since=since)
    return [
        forecast(
            span=one.span,
            now=now,
            limit_micros=one.limit_micros,
            spent_micros=one.spent_micros,
            by_day=_together(days.get(spender, {}) for spender in who),
        )
        for one, who in zip(found, spenders, strict=True)
    ]


async def _spenders(session: Session, found: Sequence[Budget]) -> list[list[Spender]]:
    """Whose spending counts against each budget: its subject's, and of a team that of all below it."""
    teams = {budget.spec.subject for budget in found if budget.spec.scope == Scope.TEAM}
    below: dict[str, list[str]] = {team: [team] for team in teams}
    if teams:
        parents = await budgets.team_parents(session, {budget.org_id for budget in found})
        for team in parents:
            for above in lineage(team, parents):
                if above in below and above != team:
                    below[above].append(team)
    return [
        [Spender(budget.org_id, spec.scope, one) for one in below[spec.subject]]
        if spec.scope == Scope.TEAM
        else [Spender(budget.org_id, spec.scope, spec.subject)]
        for budget in found
        for spec in (budget.spec,)
    ]


def _together(several: Iterable[Mapping[date, int]]) -> dict[date, int]:
    found: Counter[date] = Counter()
    for days in several:
        found.update(days)
    return found


def lineage(team_id: str, parents: Mapping[str, str]) -> list[str]:
    """The team and those above it."""
    found: list[str] = []
    while team_id and team_id not in found:
        found.append(team_id)
        team_id = parents.get(team_id, "")
    return found
