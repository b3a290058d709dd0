"""The revision: one number that rises, in the same transaction, with each change that gateways must learn."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import select, text, update

from gatewayops.store.control.database import Database, Session
from gatewayops.store.control.tables import Revision

_CHANNEL = "gatewayops_revision"
_ROW = 1
_CURRENT = select(Revision.value).where(Revision.id == _ROW)  # made once: it is asked many times a second
_raises: ContextVar[list[None]] = ContextVar("raises of the revision")


async def bump(session: Session) -> None:
    """To be called by every change to keys, servers, prices and organisations; wakes PostgreSQL listeners."""
    raises = _raises.get(None)
    if raises is not None:
        raises.append(None)
    await session.execute(update(Revision).where(Revision.id == _ROW).values(value=Revision.value + 1))
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"SELECT pg_notify('{_CHANNEL}', '')"))


@contextmanager
def noticed() -> Iterator[list[None]]:
    """Within it, the list gets a member whenever somebody who began here raises the revision."""
    raises: list[None] = []
    token = _raises.set(raises)
    try:
        yield raises
    finally:
        _raises.reset(token)


async def current(session: Session) -> int:
    """The revision that this transaction sees; 0 before the first start."""
    return await session.scalar(_CURRENT) or 0


async def ensure(session: Session) -> None:
    """Makes the row on the first start."""
    if await session.get(Revision, _ROW) is None:
        session.add(Revision(id=_ROW, value=1))
        await session.flush()


@asynccontextmanager
async def listening(database: Database, changed: asyncio.Event) -> AsyncIterator[Any]:
    """Sets `changed` at each PostgreSQL notification; yields the driver's connection, which may die."""

    def on_notify(*_: object) -> None:
        changed.set()

    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.add_listener(_CHANNEL, on_notify)
        try:
            yield driver
        finally:
            if not driver.is_closed():
                await driver.remove_listener(_CHANNEL, on_notify)
