"""The control store's connection: SQLite or PostgreSQL behind one class.

`session()` is a transaction that writes, `reading()` one that only reads; both end at the edge
(request or job), and functions that take a session never commit. Database failures become
DatabaseUnavailable, so no driver's exception leaves this package. `migrate(url)` comes before the
first `Database.open(url)`.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, inspect, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from gatewayops.base.errors import Conflict, InvalidInput, Unavailable
from gatewayops.store import origin
from gatewayops.store.control import sqlite_visits
from gatewayops.store.control.audit_changes import AuditedSession

Session = AsyncSession

STEPS = Path(__file__).parent / "migrations" / "versions"
_BUSY_MS = 10_000
_IS_WRITING = "gatewayops_is_writing"


class DatabaseUnavailable(Unavailable):
    """The control store cannot be reached, is locked, or lacks its tables."""


class SchemaTooNew(Unavailable):
    """The store was migrated by a newer GatewayOps; this one would not understand it."""


class Database:
    """An open control store. One a process."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Use `Database.open`."""
        self.engine = engine
        self._writing = for_writing(engine)
        self._writers = asyncio.Lock()
        self._reading = engine
        if not self.is_sqlite:
            self._reading = engine.execution_options(isolation_level="REPEATABLE READ")

    @classmethod
    def open(cls, url: str) -> "Database":
        """Connects lazily; makes the folder of a SQLite file. Raises InvalidInput for another URL."""
        return cls(open_engine(url))

    @property
    def is_sqlite(self) -> bool:
        """SQLite has no notifications, so changes are found by asking."""
        return self.engine.dialect.name == "sqlite"

    def last_written(self) -> tuple[int, ...]:
        """Another value after each commit to a SQLite file, but for two within the same tick of its clock."""
        path = os.path.realpath(self.engine.url.database or "")  # the log is beside it, not beside a link
        return tuple(at for end in ("", "-wal") for at in _size_and_time(path + end))

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A transaction that may write: commits at the end, rolls back on any exception.

        What it changes through the unit of work is in the audit log by the same commit.
        """
        making = AsyncSession(self._writing, expire_on_commit=False, sync_session_class=AuditedSession)
        async with _translated(), self._turn(), making as session:
            session.info["origin"] = origin.current()
            yield session
            await session.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """A transaction that sees one moment of the store and keeps nothing."""
        async with _translated(), AsyncSession(self._reading, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """SQLite has one writer at a time: those of this process wait here, where waiting costs nothing."""
        if not self.is_sqlite:
            yield
            return
        async with asyncio.timeout(_BUSY_MS / 1000):
            await self._writers.acquire()
        try:
            yield
        finally:
            self._writers.release()

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()


async def migrate(url: str) -> None:
    """Brings the store to the newest schema, or finds it there. Raises SchemaTooNew, DatabaseUnavailable.

    Safe when several processes start at once: the database itself holds the lock.
    """
    database = Database.open(url)
    try:
        async with database.reading() as session:
            stored = await (await session.connection()).run_sync(stored_step)
        if stored > newest_step():
            msg = f"the control store has schema {stored}; this GatewayOps knows {newest_step()} at most"
            raise SchemaTooNew(msg)
        if stored < newest_step():
            async with _translated():
                await _bring_up_to_date(for_writing(database.engine), has_schema=bool(stored))
    finally:
        await database.close()


async def _bring_up_to_date(engine: AsyncEngine, *, has_schema: bool) -> None:
    """Loads what makes schemas only now, for starts are quick; Alembic alone takes a third of a second."""
    from gatewayops.store.control import first_schema

    if has_schema or not await first_schema.create(engine, step=newest_step()):
        from gatewayops.store.control.migrate import upgrade

        await upgrade(engine)


def newest_step() -> str:
    """The newest migration that this installation has, such as `0001`."""
    return max(path.name[:4] for path in STEPS.glob("[0-9]*.py"))


def _size_and_time(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns


def stored_step(connection: Connection) -> str:
    """The newest migration that a store has; empty where it has no schema of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""


async def lock(session: Session, number: int) -> None:
    """Until the transaction ends, nobody else holds this number; on SQLite every writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"SELECT pg_advisory_xact_lock({number:d})"))


def for_writing(engine: AsyncEngine) -> AsyncEngine:
    """The same connections, for transactions that write."""
    return engine.execution_options(**{_IS_WRITING: True})


def open_engine(url: str) -> AsyncEngine:
    """The engine of a control store URL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        msg = "control_store.url: not a database URL"
        raise InvalidInput(msg) from error
    if parsed.drivername == "postgresql+asyncpg":
        return create_async_engine(
            parsed, pool_pre_ping=True, pool_size=5, max_overflow=10, hide_parameters=True
        )
    if parsed.drivername != "sqlite+aiosqlite":
        msg = "control_store.url: begins with sqlite+aiosqlite:// or postgresql+asyncpg://"
        raise InvalidInput(msg)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_async_engine(
        parsed,
        hide_parameters=True,  # errors are logged, values never
        connect_args={"async_creator_fn": sqlite_visits.connect},
    )
    event.listen(engine.sync_engine, "connect", _on_sqlite_connect)
    event.listen(engine.sync_engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own class
    connection.isolation_level = None  # transactions begin below, not by the driver's guess
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    """A writer takes the lock at once: upgrading a read lock later fails without waiting."""
    is_writing = connection.get_execution_options().get(_IS_WRITING, False)
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite_visits.VisitedConnection)
    driver.begin(sqlite_visits.WRITING if is_writing else sqlite_visits.READING)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except IntegrityError as error:
        msg = "another change came first, or something still refers to this"
        raise Conflict(msg) from error
    except (DBAPIError, PoolTimeout, OSError) as error:
        msg = "the control store does not answer"
        raise DatabaseUnavailable(msg) from error
