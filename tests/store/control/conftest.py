"""The control store on both databases: a SQLite file, and a real PostgreSQL (../../conftest.py)."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from gatewayops.base.ids import random_text
from gatewayops.store.control import directory
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
async def migrated_url(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a database of its own with all tables."""
    if engine == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "control.db")
        yield f"sqlite+aiosqlite:///{tmp_path / 'control.db'}"
    else:
        template = request.getfixturevalue("migrated_database")
        async with _made(request.getfixturevalue("postgres_uri"), f"TEMPLATE {template}") as url:
            yield url


@asynccontextmanager
async def _made(uri: str, how: str = "") -> AsyncIterator[str]:
    name = f"test_{random_text(12).lower()}"
    connection = await asyncpg.connect(uri)
    await connection.execute(f"CREATE DATABASE {name} {how}")
    yield uri.replace("postgresql://", "postgresql+asyncpg://").replace("/postgres?", f"/{name}?")
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    """A control store after the first start, with a second organisation `org_other`."""
    opened = Database.open(migrated_url)
    async with opened.session() as session:
        await directory.add_organisation(session, org_id="org_other", slug="other", name="Other")
    yield opened
    await opened.close()
