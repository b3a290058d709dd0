"""chDB behind a small, bounded pool of threads, one connection each.

Several connections to one path run in parallel, one connection serialises. Each keeps its current
database and settings, so a request sends SET and USE only when they differ from the last one's.
"""

import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from xml.sax.saxutils import escape

import chdb

from gatewayops.base.errors import GatewayOpsError, Unavailable
from gatewayops.store.embedded.statement import Insert, Statement, changes_session

SESSIONS = 4
_CACHE_BYTES = 32 << 20
_LIBRARY_BYTES = 256 << 20  # what a process with chDB takes before the first question
_SETTING = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)\.")
_UNKNOWN_SETTING = 115


class EngineError(GatewayOpsError):
    """ClickHouse refused or failed; `number` is its error code, the detail its own text."""

    def __init__(self, detail: str, number: int) -> None:
        """`number` 1002 means that ClickHouse gave none."""
        super().__init__(detail)
        self.number = number


@dataclass(frozen=True, slots=True)
class Request:
    """One statement with what HTTP carried beside it. Parameters are in ClickHouse's escaped form."""

    statement: Statement
    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes in the format asked for, and what X-ClickHouse-Summary tells."""

    payload: bytes
    format: str
    rows_read: int
    rows_written: int
    elapsed_ns: int


class Engine:
    """Opens the folder, or raises Unavailable when another process holds it."""

    def __init__(self, folder: Path, *, memory_bytes: int) -> None:
        """Makes the folder; `memory_bytes` caps the process: chDB itself, and what it allocates."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._address = f"{folder / 'data'}?config-file={_write_config(folder, memory_bytes)}"
        self._idle: SimpleQueue[_Session] = SimpleQueue()
        first = self._connect()  # one before the threads: chDB starts its engine once
        self._idle.put(first)
        for _ in range(SESSIONS - 1):
            self._idle.put(self._connect())
        self._threads = ThreadPoolExecutor(SESSIONS, thread_name_prefix="chdb")

    @property
    def threads(self) -> ThreadPoolExecutor:
        """Where `run` belongs."""
        return self._threads

    def run(self, request: Request) -> Answer:
        """Runs one request; blocking, from any thread of `threads`. Raises EngineError."""
        session = self._idle.get()
        try:
            return session.run(request)
        except RuntimeError as error:  # ChdbError is one
            raise _engine_error(str(error)) from error
        finally:
            self._idle.put(self._renewed(session) if changes_session(request.statement) else session)

    def close(self) -> None:
        """Waits for what runs, then lets chDB write what it holds and close its folder."""
        self._threads.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get().close()

    def _connect(self) -> "_Session":
        try:
            return _Session(chdb.connect(self._address))
        except RuntimeError as error:
            msg = f"the telemetry folder cannot be opened (is another store running?): {error}"
            raise Unavailable(msg) from error

    def _renewed(self, session: "_Session") -> "_Session":
        fresh = self._connect()
        session.close()
        return fresh


class _Session:
    """A chDB connection and the state it is in. For one thread at a time."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - chDB has no types
        self._connection = connection
        self._database = ""
        self._settings: dict[str, str] = {}

    def run(self, request: Request) -> Answer:
        started = time.perf_counter_ns()
        self._enter(request)
        statement = request.statement
        if isinstance(statement, Insert):
            written = self._insert(statement)
            return Answer(b"", "", 0, written, time.perf_counter_ns() - started)
        result = self._connection.query(statement.sql, statement.output, params=dict(request.parameters))
        payload = result.bytes() or b""
        elapsed_ns = time.perf_counter_ns() - started
        return Answer(payload, statement.output, result.rows_read(), result.rows_written(), elapsed_ns)

    def close(self) -> None:
        self._connection.close()

    def _insert(self, statement: Insert) -> int:
        inserter = self._connection.send_insert(statement.sql, statement.input)
        try:
            inserter.append(statement.rows)
            return int(inserter.finish().rows_written)
        finally:
            inserter.close()

    def _enter(self, request: Request) -> None:
        """Brings the connection to the request's database and settings."""
        wanted = dict(request.settings)
        changes = [f"{_name(k)} = {_quoted(v)}" for k, v in wanted.items() if self._settings.get(k) != v]
        changes += [f"{name} = DEFAULT" for name in self._settings if name not in wanted]
        if changes:
            self._settings |= wanted  # so that a SET which fails half-way is undone next time
            self._connection.query("SET " + ", ".join(changes))
            self._settings = wanted
        if request.database and request.database != self._database:
            self._connection.query(f"USE {_identifier(request.database)}")
            self._database = request.database


def _write_config(folder: Path, memory_bytes: int) -> Path:
    """The configuration file; chDB takes the memory cap from nowhere else.

    No log and no system log table is configured: neither SQL nor rows are written anywhere but in
    the tables themselves.
    """
    path = folder / "config.xml"
    path.write_text(
        f"""<clickhouse>
    <max_server_memory_usage>{memory_bytes - min(_LIBRARY_BYTES, memory_bytes // 2)}</max_server_memory_usage>
    <mark_cache_size>{_CACHE_BYTES}</mark_cache_size>
    <index_mark_cache_size>{_CACHE_BYTES}</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <tmp_path>{escape(str(folder / "tmp"))}/</tmp_path>
</clickhouse>
"""
    )
    return path


def _engine_error(text: str) -> EngineError:
    found = _CODE.search(text)
    return EngineError(text[found.start() :] if found else text, int(found.group(1)) if found else 1002)


def _name(setting: str) -> str:
    if _SETTING.fullmatch(setting) is None:
        msg = f"Code: {_UNKNOWN_SETTING}. DB::Exception: Unknown setting {setting!r}. (UNKNOWN_SETTING)"
        raise EngineError(msg, _UNKNOWN_SETTING)
    return setting


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _identifier(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
