"""The control store on both databases: a SQLite file, and a real PostgreSQL (../../conftest.py)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from gatewayops.store.control.database import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Every test runs on both."""
    return str(request.param)


@pytest.fixture
async def empty_url(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a database without tables."""
    if engine == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'control.db'}"
    else:
        async with _made(request.getfixturevalue("postgres_uri")) as url:
            yield url


@pytest.fixture
def migrated_url(request: pytest.FixtureRequest, engine: str) -> str:
    """The address of a database with all tables and a second organisation `org_other`."""
    if engine == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    copied_file: Callable[[Path], str] = request.getfixturevalue("copied_file")
    return copied_file(request.getfixturevalue("two_tenants_file"))


@asynccontextmanager
async def _made(uri: str) -> AsyncIterator[str]:
    connection = await asyncpg.connect(uri)
    await connection.execute("CREATE DATABASE empty")
    yield uri.replace("postgresql://", "postgresql+asyncpg://").replace("/postgres?", "/empty?")
    await connection.execute("DROP DATABASE empty WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def database(migrated_url: str, open_database: Callable[[str], Database]) -> AsyncIterator[Database]:
    """A control store after the first start, with a second organisation `org_other`."""
    opened = open_database(migrated_url)
    yield opened
    await opened.close()
