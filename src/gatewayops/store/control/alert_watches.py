"""How rules stand, and whose turn it is to look at them: one control role at a time, whoever comes first.

A turn is claimed in a short transaction, figures are asked for outside of any, and what they mean is written
by `hold`, which fails for a turn that somebody else has claimed since. Written past the unit of work: what a
watch says is no configuration.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gatewayops.store.control.alert_rules import Rule, rule_of
from gatewayops.store.control.alert_tables import AlertRule, AlertWatch
from gatewayops.store.control.database import Session


class Turn(msgspec.Struct, frozen=True):
    """A rule that is ours to look at, and how it stood; `number` is the turn's."""

    rule: Rule
    number: int
    states: dict[str, Any]


async def is_any_due(session: Session, *, now: datetime) -> bool:
    """Whether `claim` would find a rule; it only reads."""
    query = select(AlertRule.id).outerjoin(AlertWatch, AlertWatch.rule_id == AlertRule.id)
    is_due = or_(AlertWatch.rule_id.is_(None), AlertWatch.next_at <= now)
    return await session.scalar(query.where(AlertRule.is_enabled, is_due).limit(1)) is not None


async def claim(session: Session, *, now: datetime, every_s: float, limit: int) -> list[Turn]:
    """The rules to look at now; their next turn is `every_s` later. What others claim now is left out."""
    await _add_missing(session, now)
    query = (
        select(AlertWatch, AlertRule)
        .join(AlertRule, AlertWatch.rule_id == AlertRule.id)
        .where(AlertRule.is_enabled, AlertWatch.next_at <= now)
        .order_by(AlertWatch.next_at, AlertWatch.rule_id)
        .limit(limit)
        .with_for_update(of=AlertWatch, skip_locked=True)
    )
    found = (await session.execute(query)).all()
    next_at = now + timedelta(seconds=every_s)
    turns = [Turn(rule_of(rule), watch.turn + 1, watch.states) for watch, rule in found]
    ids = [turn.rule.id for turn in turns]
    moved = update(AlertWatch).where(AlertWatch.rule_id.in_(ids))
    await session.execute(_quietly(moved.values(turn=AlertWatch.turn + 1, next_at=next_at)))
    return turns


async def hold(session: Session, turn: Turn) -> dict[str, Any] | None:
    """The states by scope, nobody else's until the transaction ends; None when the turn is over."""
    query = (
        select(AlertWatch.states)
        .where(AlertWatch.rule_id == turn.rule.id, AlertWatch.turn == turn.number)
        .with_for_update()
    )
    return await session.scalar(query)


async def write(session: Session, turn: Turn, states: dict[str, Any]) -> None:
    """How the rule stands now."""
    of_it = update(AlertWatch).where(AlertWatch.rule_id == turn.rule.id)
    await session.execute(_quietly(of_it.values(states=states)))


async def forget(session: Session, *, rule_id: str) -> None:
    """The rule begins anew at once; a turn that is under way is over. Holds the watch until the end."""
    of_it = update(AlertWatch).where(AlertWatch.rule_id == rule_id)
    values = {"states": {}, "turn": AlertWatch.turn + 1, "next_at": datetime.fromtimestamp(0).astimezone()}
    await session.execute(_quietly(of_it.values(**values)))


async def states_of(session: Session, rule_ids: list[str]) -> dict[str, dict[str, Any]]:
    """By rule; empty for one that was never looked at."""
    query = select(AlertWatch.rule_id, AlertWatch.states).where(AlertWatch.rule_id.in_(rule_ids))
    return {row.rule_id: row.states for row in await session.execute(query)}


async def _add_missing(session: Session, now: datetime) -> None:
    known = select(AlertWatch.rule_id)
    missing = select(AlertRule.id, AlertRule.org_id).where(AlertRule.is_enabled, AlertRule.id.not_in(known))
    found = [
        {"rule_id": rule_id, "org_id": org_id, "turn": 0, "next_at": now, "states": {}}
        for rule_id, org_id in await session.execute(missing)
    ]
    if found:
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        await session.execute(insert(AlertWatch).values(found).on_conflict_do_nothing())


def _quietly(statement: Any) -> Any:  # noqa: ANN401 - of SQLAlchemy
    return statement.execution_options(synchronize_session=False)
