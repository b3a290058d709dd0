"""When servers are asked for their tools: what is due, what came of it.

These times are the machine's own and written past the unit of work, so that no log of changes fills with
them; a server that was added or changed is due at once.
"""

import random
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select, update

from gatewayops.base import clock
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows
from gatewayops.store.control.database import Session, lock
from gatewayops.store.control.pin_tables import ToolCatalogue, ToolPin
from gatewayops.store.control.tables import McpServer

_LOCK = 0x700C5
_FIRST_RETRY_S = 30.0  # a server whose tools are not known yet is asked again sooner
_MAX_FAILURE = 500


async def find_catalogue(session: Session, *, org_id: str, server_id: str) -> ToolCatalogue | None:
    """The server's row, if it has one."""
    which = ToolCatalogue.org_id == org_id, ToolCatalogue.server_id == server_id
    return await session.scalar(select(ToolCatalogue).where(*which))


async def catalogue_of(session: Session, *, org_id: str, server_id: str) -> ToolCatalogue:
    """The server's row, made when it has none; locked until the transaction ends."""
    which = ToolCatalogue.org_id == org_id, ToolCatalogue.server_id == server_id
    row = await session.scalar(select(ToolCatalogue).where(*which).with_for_update())
    if row is None:
        row = ToolCatalogue(id=new_id("catalogue"), org_id=org_id, server_id=server_id)
        await rows.add(session, row, taken="another look at this server's tools came first")
    return row


async def is_any_due(session: Session) -> bool:
    """Whether `claim` would find a server; asked often, so it only reads."""
    return (await session.execute(_due(clock.now()).limit(1))).first() is not None


async def claim(session: Session, *, every_s: float, limit: int) -> list[tuple[str, str]]:
    """The servers to ask now (organisation, id); their next turn is about `every_s` later, whoever asks."""
    await lock(session, _LOCK)
    now = clock.now()
    due = [(org_id, server_id) for org_id, server_id in await session.execute(_due(now).limit(limit))]
    for org_id, server_id in due:
        await catalogue_of(session, org_id=org_id, server_id=server_id)
        later_s = every_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreads the load, no secret
        await _write(session, org_id, server_id, asked_at=now, ask_at=now + timedelta(seconds=later_s))
    return due


async def ask_now(session: Session, *, org_id: str, server_id: str) -> None:
    """The server is among the next to be asked."""
    await _write(session, org_id, server_id, ask_at=None)


async def asked(session: Session, *, org_id: str, server_id: str) -> None:
    """The server is being asked now, out of turn."""
    await catalogue_of(session, org_id=org_id, server_id=server_id)
    await _write(session, org_id, server_id, asked_at=clock.now())


async def answered(session: Session, *, org_id: str, server_id: str) -> None:
    """The server gave a whole list: it and what is listed was seen now."""
    now = clock.now()
    is_there = ToolPin.org_id == org_id, ToolPin.server_id == server_id, ToolPin.is_listed.is_(True)
    seen_again = update(ToolPin).where(*is_there).values(last_seen_at=now)
    await session.execute(seen_again.execution_options(synchronize_session=False))
    await _write(session, org_id, server_id, listed_at=now, failure=None)


async def failed(session: Session, *, org_id: str, server_id: str, why: str) -> None:
    """The server gave no list; one that never gave any is asked again soon."""
    row = await catalogue_of(session, org_id=org_id, server_id=server_id)
    values: dict[str, object] = {"failure": why[:_MAX_FAILURE].replace("\x00", "")}
    if row.listed_at is None:
        values["ask_at"] = clock.now() + timedelta(seconds=_FIRST_RETRY_S)
    await _write(session, org_id, server_id, **values)


async def _write(session: Session, org_id: str, server_id: str, **values: object) -> None:
    which = ToolCatalogue.org_id == org_id, ToolCatalogue.server_id == server_id
    statement = update(ToolCatalogue).where(*which).values(**values)
    await session.execute(statement.execution_options(synchronize_session=False))


def _due(now: datetime) -> Select[str, str]:
    is_due = or_(
        ToolCatalogue.ask_at.is_(None),
        ToolCatalogue.ask_at <= now,
        ToolCatalogue.asked_at < McpServer.updated_at,
    )
    query = select(McpServer.org_id, McpServer.id)
    query = query.outerjoin(ToolCatalogue, ToolCatalogue.server_id == McpServer.id).where(is_due)
    return query.order_by(ToolCatalogue.asked_at, McpServer.id)
