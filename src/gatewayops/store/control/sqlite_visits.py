"""SQLite with few visits to the connection's thread, where the driver makes four for each statement.

aiosqlite asks its thread to make a cursor, to execute, to fetch and to close, and each time two threads hand
the interpreter to each other: that costs more than most statements do. So what writes visits it once, and
what reads is tried right here, in the event loop, where most of it is found in less time than a visit takes
(in WAL mode a reader waits for nobody). What is not found within `HERE_S` is asked again in the thread, of
the same transaction. Results are read as a whole, as SQLAlchemy does with this driver anyway; nothing here
streams. A transaction begins with its first statement, and the pool's rollback of one that only read, or
never began, takes no visit.
"""

import asyncio
import math
import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar, cast

import aiosqlite
from aiosqlite.context import contextmanager

READING, WRITING = "BEGIN", "BEGIN IMMEDIATE"  # a writer takes the lock at once
HERE_S = 0.004  # the longest that the event loop stands still for a statement
_LOOK_EVERY = 5_000  # steps of SQLite's machine: far less than a millisecond

_Found = tuple[sqlite3.Cursor, list[Any]]
_Done = TypeVar("_Done")


class _Patience:
    """Until when a statement may run where it is now, by `time.monotonic`."""

    def __init__(self) -> None:
        self.ends_s = math.inf

    def is_over(self) -> bool:
        return time.monotonic() > self.ends_s


class VisitedConnection(aiosqlite.Connection):
    """The driver's, with cursors of ours."""

    def __init__(self, database: str, options: dict[str, Any]) -> None:
        """`options` are those of `sqlite3.connect`."""
        self._begin = ""  # how the transaction begins that has no statement yet
        self._only_reads = False
        self._is_left = False  # a visit that nobody waits for may go on
        self._patience = _Patience()
        super().__init__(partial(_connected, database, options, self._patience), 64)
        self._thread.daemon = True  # it ends with the process, as with what SQLAlchemy connects itself

    def begin(self, how: str) -> None:
        """With the first statement."""
        self._begin = how
        self._only_reads = how == READING

    @contextmanager
    async def cursor(self) -> aiosqlite.Cursor:
        """Takes no visit."""
        return _Cursor(self)

    async def commit(self) -> None:
        """A transaction without a statement never began."""
        if not self._is_idle():
            await super().commit()

    async def rollback(self) -> None:
        """SQLAlchemy asks for it whenever a connection goes back to the pool, so also after each commit."""
        if self._is_idle():
            return
        if self._only_reads and not self._is_left:
            self._conn.rollback()
        else:
            await self._visit(sqlite3.Connection.rollback)

    async def run(self, sql: str, parameters: Iterable[Any]) -> _Found:
        """A statement's cursor and all of its rows: found here, or in the thread."""
        may_wait = not self._only_reads and self._begin  # for another writer
        if sql.startswith("SELECT") and not may_wait and not self._is_left:
            self._patience.ends_s = time.monotonic() + HERE_S
            try:
                return self._beginning(_run)(self._conn, sql, parameters)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
            finally:
                self._patience.ends_s = math.inf
        return await self._visit(_run, sql, parameters)

    async def run_each(self, sql: str, parameters: Iterable[Iterable[Any]]) -> sqlite3.Cursor:
        """A statement for each of these."""
        return await self._visit(sqlite3.Connection.executemany, sql, parameters)

    async def _visit(self, run: Callable[..., _Done], *given: Any) -> _Done:  # noqa: ANN401 - what `run` takes
        try:
            done = await self._execute(self._beginning(run), self._conn, *given)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            self._is_left = True
            raise
        self._is_left = False
        return cast(_Done, done)

    def _beginning(self, run: Callable[..., _Done]) -> Callable[..., _Done]:
        """The same, and before it what begins a transaction that has not begun."""
        begin, self._begin = self._begin, ""
        return partial(_begun, begin, run) if begin else run

    def _is_idle(self) -> bool:
        """No visit is under way when it is asked: SQLAlchemy closes a connection whose task was cancelled."""
        self._begin = ""
        return not self.in_transaction


class _Cursor(aiosqlite.Cursor):
    """Exists while it executes."""

    def __init__(self, connection: VisitedConnection) -> None:
        self.iter_chunk_size = 0
        self._conn: VisitedConnection = connection
        self._fetched: list[Any] = []

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "_Cursor":
        """Runs it and reads all that it gives."""
        self._cursor, self._fetched = await self._conn.run(sql, parameters or ())
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "_Cursor":
        """Runs it for each."""
        self._cursor = await self._conn.run_each(sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        """What was read."""
        return self._fetched

    async def close(self) -> None:
        """All was read: there is nothing to close."""


def connect(database: str, **options: Any) -> VisitedConnection:  # noqa: ANN401 - the driver's own
    """As aiosqlite.connect does."""
    return VisitedConnection(database, options)


def _connected(database: str, options: dict[str, Any], patience: _Patience) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite3.connect(database, **options)
    connection.set_progress_handler(patience.is_over, _LOOK_EVERY)
    return connection


def _begun(begin: str, run: Callable[..., _Done], connection: sqlite3.Connection, *given: Any) -> _Done:  # noqa: ANN401 - what `run` takes
    connection.execute(begin)
    return run(connection, *given)


def _run(connection: sqlite3.Connection, sql: str, parameters: Iterable[Any]) -> _Found:
    cursor = connection.execute(sql, parameters)  # type: ignore[arg-type]  # names and places are both taken
    return cursor, cursor.fetchall() if cursor.description else []
