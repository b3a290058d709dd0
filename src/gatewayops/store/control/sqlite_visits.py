"""SQLite with one visit to the connection's thread for each statement, where the driver makes four.

aiosqlite asks its thread to make a cursor, to execute, to fetch and to close, and each time two threads hand
the interpreter to each other: that costs more than most statements do. Results are read as a whole, as
SQLAlchemy does with this driver anyway; nothing here streams. A transaction begins in the visit of its first
statement, and where none is open the pool's rollback takes no visit. Nobody waits for the end of one that
only read: whoever has the connection next comes after it.
"""

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar, cast

import aiosqlite
from aiosqlite.context import contextmanager

READING, WRITING = "BEGIN", "BEGIN IMMEDIATE"  # a writer takes the lock at once

_Done = TypeVar("_Done")


class VisitedConnection(aiosqlite.Connection):
    """The driver's, with cursors of ours."""

    _begin = ""  # how the transaction begins that has no statement yet
    _only_reads = False

    def begin(self, how: str) -> None:
        """In the visit of the first statement."""
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
        if self._only_reads:
            self._tx.put_nowait((None, self._conn.rollback))
        else:
            await super().rollback()

    def _is_idle(self) -> bool:
        """No visit is under way when it is asked: SQLAlchemy closes a connection whose task was cancelled."""
        self._begin = ""
        return not self.in_transaction

    async def visit(self, run: Callable[..., _Done], *given: Any) -> _Done:  # noqa: ANN401 - what `run` takes
        """Runs it in the thread, with the connection."""
        begin, self._begin = self._begin, ""
        visiting = partial(_begun, begin, run) if begin else run
        return cast(_Done, await self._execute(visiting, self._conn, *given))  # type: ignore[no-untyped-call]


class _Cursor(aiosqlite.Cursor):
    """Exists in the thread only while it executes."""

    def __init__(self, connection: VisitedConnection) -> None:
        self.iter_chunk_size = 0
        self._conn: VisitedConnection = connection
        self._fetched: list[Any] = []

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "_Cursor":
        """Runs it and reads all that it gives."""
        self._cursor, self._fetched = await self._conn.visit(_run, sql, parameters or ())
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "_Cursor":
        """Runs it for each."""
        self._cursor = await self._conn.visit(sqlite3.Connection.executemany, sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        """What was read."""
        return self._fetched

    async def close(self) -> None:
        """All was read: there is nothing to close."""


def connect(database: str, **options: Any) -> VisitedConnection:  # noqa: ANN401 - the driver's own
    """As aiosqlite.connect does; the thread ends with the process."""
    connection = VisitedConnection(lambda: sqlite3.connect(database, **options), 64)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does with what it connects itself
    return connection


def _begun(begin: str, run: Callable[..., _Done], connection: sqlite3.Connection, *given: Any) -> _Done:  # noqa: ANN401 - what `run` takes
    connection.execute(begin)
    return run(connection, *given)


def _run(
    connection: sqlite3.Connection, sql: str, parameters: Iterable[Any]
) -> tuple[sqlite3.Cursor, list[Any]]:
    cursor = connection.execute(sql, parameters)  # type: ignore[arg-type]  # names and places are both taken
    return cursor, cursor.fetchall() if cursor.description else []
