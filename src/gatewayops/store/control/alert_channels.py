"""Where alerts are sent. What must not be shown is sealed by the caller, for this channel only."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, or_, select

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows
from gatewayops.store.control.alert_tables import AlertChannel, AlertRule
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of

MAX_CHANNELS = 50


class Channel(msgspec.Struct, frozen=True):
    """`address` may be shown: a host, e-mail addresses. `is_for_all`: rules that name none use it."""

    id: str
    org_id: str
    name: str
    kind: str
    address: str
    sealed_secret: bytes
    is_for_all: bool
    created_at: datetime


def new_channel_id() -> str:
    """Secrets are sealed for an id, so the id comes first."""
    return new_id("channel")


def channel_binding(org_id: str, channel_id: str) -> bytes:
    """The additional data under which a channel's secret is sealed."""
    return f"alert_channel:{org_id}:{channel_id}".encode()


async def add(session: Session, channel: Channel) -> Channel:
    """Raises Conflict for a name that is taken, InvalidInput when there are too many."""
    count = select(func.count()).select_from(AlertChannel).where(AlertChannel.org_id == channel.org_id)
    if (await session.scalar(count) or 0) >= MAX_CHANNELS:
        msg = f"an organisation has at most {MAX_CHANNELS} alert channels"
        raise InvalidInput(msg)
    row = AlertChannel(updated_at=channel.created_at, **msgspec.structs.asdict(channel))
    await rows.add(session, row, taken=f'name: a channel "{channel.name}" exists; give another name')
    return _channel(row)


async def change(session: Session, *, org_id: str, channel_id: str, columns: dict[str, Any]) -> Channel:
    """Sets these columns. Raises NotFound, and Conflict for a name that is taken."""
    row = await _row(session, org_id, channel_id)
    for column, value in columns.items():
        setattr(row, column, value)
    row.updated_at = clock.now()
    await rows.flush(session, taken="name: a channel of that name exists; give another name")
    return _channel(row)


async def remove(session: Session, *, org_id: str, channel_id: str) -> None:
    """Takes it out of the rules that name it, too. Raises NotFound."""
    row = await _row(session, org_id, channel_id)
    for rule in await session.scalars(select(AlertRule).where(AlertRule.org_id == org_id)):
        if row.id in rule.channels:
            rule.channels = [one for one in rule.channels if one != row.id]
    await session.delete(row)
    await session.flush()


async def find(session: Session, *, org_id: str, ref: str) -> Channel:
    """By id or name. Raises NotFound."""
    return _channel(await _row(session, org_id, ref))


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Channel]:
    """The organisation's channels, newest first."""
    query = select(AlertChannel).where(AlertChannel.org_id == org_id)
    found = await page_of(session, query, AlertChannel, asked)
    return Page(rows=tuple(map(_channel, found.rows)), cursor=found.cursor)


async def all_of(session: Session, *, org_id: str) -> list[Channel]:
    """All of them: a few."""
    query = select(AlertChannel).where(AlertChannel.org_id == org_id).order_by(AlertChannel.id)
    return [_channel(row) for row in await session.scalars(query)]


async def _row(session: Session, org_id: str, ref: str) -> AlertChannel:
    is_it = or_(AlertChannel.id == ref, AlertChannel.name == ref)
    row = await session.scalar(select(AlertChannel).where(AlertChannel.org_id == org_id, is_it).limit(1))
    if row is None:
        msg = "no alert channel of that id or name"
        raise NotFound(msg)
    return row


def _channel(row: AlertChannel) -> Channel:
    return Channel(**{field: getattr(row, field) for field in Channel.__struct_fields__})
