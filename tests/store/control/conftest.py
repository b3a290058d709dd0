"""The control store on both databases: a SQLite file, and a real PostgreSQL (../../conftest.py)."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from gatewayops.base.ids import random_text
from gatewayops.store.control import directory
from gatewayops.store.control.database import Database, migrate


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'control.db'}"
        return
    uri = request.getfixturevalue("postgres_uri")
    name = f"test_{random_text(12).lower()}"
    connection = await asyncpg.connect(uri)
    await connection.execute(f"CREATE DATABASE {name}")
    yield uri.replace("postgresql://", "postgresql+asyncpg://").replace("/postgres?", f"/{name}?")
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def database(empty_url: str) -> AsyncIterator[Database]:
    """A control store after the first start, with a second organisation `org_other`."""
    await migrate(empty_url)
    opened = Database.open(empty_url)
    async with opened.session() as session:
        await directory.ensure_default(session)
        await directory.add_organisation(session, org_id="org_other", slug="other", name="Other")
    yield opened
    await opened.close()
