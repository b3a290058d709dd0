"""Incidents, and the outbox of messages about them, which afterwards is the log of deliveries.

An incident and its messages are written in one transaction. Messages are claimed for a while before they
are sent: who claimed one and died leaves it to others. Written past the unit of work.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import and_, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id, random_text
from gatewayops.store.control.alert_tables import AlertIncident, AlertNotification
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of

FIRING, RESOLVED = "firing", "resolved"
WAITING, SENT, FAILED, DROPPED = "waiting", "sent", "failed", "dropped"
_MAX_ANSWER = 500
_MAX_SUMMARY = 1000


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is or was breached in one scope; `subject` names it for people: a budget, `files/read`."""

    id: str
    org_id: str
    rule_id: str
    rule_name: str
    kind: str
    severity: str
    server: str
    tool: str
    team_id: str
    subject: str
    state: str
    summary: str
    value: float
    threshold: float
    is_told: bool
    created_at: datetime
    resolved_at: datetime | None = None


class Notification(msgspec.Struct, frozen=True):
    """A message to one channel. `claim` is who sends it now."""

    id: str
    org_id: str
    incident_id: str
    channel_id: str
    channel_name: str
    event: str
    body: dict[str, Any]
    state: str
    attempts: int
    next_at: datetime
    claim: str
    last_answer: str
    created_at: datetime
    sent_at: datetime | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents or deliveries; empty means any."""

    state: str = ""
    rule_id: str = ""
    incident_id: str = ""
    channel_id: str = ""


async def open_incident(session: Session, incident: Incident, *, scope: str) -> Incident:
    """The incident, or the one that is open in this scope of the rule already."""
    open_key = f"{incident.rule_id}|{scope}"
    values = msgspec.structs.asdict(incident) | {
        "open_key": open_key,
        "summary": incident.summary[:_MAX_SUMMARY],
    }
    await _insert(session, AlertIncident, [values])
    row = await session.scalar(select(AlertIncident).where(AlertIncident.open_key == open_key))
    return incident if row is None else _incident(row)


async def resolve(
    session: Session, *, incident_id: str, now: datetime, summary: str, value: float
) -> Incident | None:
    """None for one that is resolved already."""
    resolved = (
        update(AlertIncident)
        .where(AlertIncident.id == incident_id, AlertIncident.state == FIRING)
        .values(state=RESOLVED, open_key=None, resolved_at=now, summary=summary[:_MAX_SUMMARY], value=value)
        .returning(AlertIncident)
        .execution_options(synchronize_session=False)
    )
    row = await session.scalar(resolved)
    return None if row is None else _incident(row)


async def open_ones(session: Session, *, rule_id: str) -> list[Incident]:
    """The rule's incidents that are not resolved."""
    query = select(AlertIncident).where(AlertIncident.rule_id == rule_id, AlertIncident.state == FIRING)
    return [_incident(row) for row in await session.scalars(query)]


async def tell(
    session: Session,
    incident: Incident,
    *,
    event: str,
    channels: dict[str, str],
    body: dict[str, Any],
    now: datetime,
) -> None:
    """Puts a message for each channel (id to name) into the outbox, once an incident, channel and event."""
    values = [
        {
            "id": new_id("msg"),
            "org_id": incident.org_id,
            "created_at": now,
            "incident_id": incident.id,
            "channel_id": channel_id,
            "channel_name": name,
            "event": event,
            "body": body,
            "state": WAITING,
            "attempts": 0,
            "next_at": now,
            "claim": "",
            "last_answer": "",
            "sent_at": None,
        }
        for channel_id, name in channels.items()
    ]
    if not values:
        return
    await _insert(session, AlertNotification, values)
    told = update(AlertIncident).where(AlertIncident.id == incident.id).values(is_told=True)
    await session.execute(told.execution_options(synchronize_session=False))


async def told_channels(session: Session, *, incident_id: str) -> dict[str, str]:
    """The channels that were told of it (id to name)."""
    query = select(AlertNotification.channel_id, AlertNotification.channel_name).where(
        AlertNotification.incident_id == incident_id, AlertNotification.event == FIRING
    )
    return {row.channel_id: row.channel_name for row in await session.execute(query)}


async def is_any_waiting(session: Session, *, now: datetime) -> bool:
    """Whether `claim` may find a message; it only reads."""
    query = select(AlertNotification.id).where(
        AlertNotification.state == WAITING, AlertNotification.next_at <= now
    )
    return await session.scalar(query.limit(1)) is not None


async def claim(session: Session, *, now: datetime, for_s: float, limit: int) -> list[Notification]:
    """Messages to send now, nobody else's for `for_s`. A recovery waits for the message that it ends."""
    before = aliased(AlertNotification)
    is_behind = exists().where(
        before.incident_id == AlertNotification.incident_id,
        before.channel_id == AlertNotification.channel_id,
        before.event == FIRING,
        before.state == WAITING,
        AlertNotification.event == RESOLVED,
    )
    query = (
        select(AlertNotification)
        .where(AlertNotification.state == WAITING, AlertNotification.next_at <= now, ~is_behind)
        .order_by(AlertNotification.next_at, AlertNotification.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = [row.id for row in await session.scalars(query)]
    if not ids:
        return []
    claimed = (
        update(AlertNotification)
        .where(AlertNotification.id.in_(ids))
        .values(
            claim=random_text(20),
            attempts=AlertNotification.attempts + 1,
            next_at=now + timedelta(seconds=for_s),
        )
        .returning(AlertNotification)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return [_notification(row) for row in await session.scalars(claimed)]


async def settle(session: Session, one: Notification, *, state: str, answer: str, next_at: datetime) -> bool:
    """What came of a claimed message; False when the claim ran out and somebody else has it."""
    settled = (
        update(AlertNotification)
        .where(AlertNotification.id == one.id, AlertNotification.claim == one.claim)
        .values(
            state=state,
            last_answer=answer[:_MAX_ANSWER].replace("\x00", ""),
            next_at=next_at,
            sent_at=clock.now() if state == SENT else None,
            claim="",
        )
        .returning(AlertNotification.id)
        .execution_options(synchronize_session=False)
    )
    return await session.scalar(settled) is not None


async def was_given_up(session: Session, one: Notification) -> bool:
    """Whether the message that this recovery ends never arrived."""
    query = select(AlertNotification.state).where(
        AlertNotification.incident_id == one.incident_id,
        AlertNotification.channel_id == one.channel_id,
        AlertNotification.event == FIRING,
    )
    return await session.scalar(query) in (FAILED, DROPPED)


async def page(session: Session, *, org_id: str, wanted: Wanted, asked: Asked) -> Page[Incident]:
    """Incidents, newest first."""
    query = select(AlertIncident).where(AlertIncident.org_id == org_id)
    if wanted.state:
        query = query.where(AlertIncident.state == wanted.state)
    if wanted.rule_id:
        query = query.where(AlertIncident.rule_id == wanted.rule_id)
    found = await page_of(session, query, AlertIncident, asked)
    return Page(rows=tuple(map(_incident, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, incident_id: str) -> Incident:
    """Raises NotFound."""
    is_it = and_(AlertIncident.org_id == org_id, AlertIncident.id == incident_id)
    row = await session.scalar(select(AlertIncident).where(is_it))
    if row is None:
        msg = "no incident of that id"
        raise NotFound(msg)
    return _incident(row)


async def deliveries(session: Session, *, org_id: str, wanted: Wanted, asked: Asked) -> Page[Notification]:
    """Messages with what became of them, newest first."""
    query = select(AlertNotification).where(AlertNotification.org_id == org_id)
    if wanted.state:
        query = query.where(AlertNotification.state == wanted.state)
    if wanted.incident_id:
        query = query.where(AlertNotification.incident_id == wanted.incident_id)
    if wanted.channel_id:
        query = query.where(AlertNotification.channel_id == wanted.channel_id)
    found = await page_of(session, query, AlertNotification, asked)
    return Page(rows=tuple(map(_notification, found.rows)), cursor=found.cursor)


async def prune(session: Session, *, before: datetime) -> None:
    """Forgets incidents that were resolved before then, with their deliveries."""
    old = delete(AlertIncident).where(AlertIncident.state == RESOLVED, AlertIncident.resolved_at < before)
    await session.execute(old.execution_options(synchronize_session=False))


async def _insert(session: Session, table: Any, values: list[dict[str, Any]]) -> None:  # noqa: ANN401 - a table
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    await session.execute(insert(table).values(values).on_conflict_do_nothing())


def _incident(row: AlertIncident) -> Incident:
    return Incident(**{field: getattr(row, field) for field in Incident.__struct_fields__})


def _notification(row: AlertNotification) -> Notification:
    return Notification(**{field: getattr(row, field) for field in Notification.__struct_fields__})
