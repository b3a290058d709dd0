"""Runs and writes migrations with Alembic; use `database.migrate`, which loads this only when needed.

`python -m gatewayops.store.control.migrate "what changes"` writes the next step: from the last one to
the tables as they are now.
"""

import asyncio
import sys
import tempfile

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from gatewayops.store.control.database import STEPS, Database, for_writing, newest_step
from gatewayops.store.control.first_schema import be_alone


async def upgrade(engine: AsyncEngine) -> None:
    """All missing steps in one transaction, alone."""
    async with engine.begin() as connection:
        await be_alone(connection)
        await connection.run_sync(_run_steps)


def write_step(message: str) -> None:
    """A new file in `migrations/versions`."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_write_step(f"sqlite+aiosqlite:///{folder}/draft.db", message))


async def _write_step(url: str, message: str) -> None:
    database = Database.open(url)
    try:
        async with for_writing(database.engine).begin() as connection:
            await connection.run_sync(_run_steps)
            await connection.run_sync(_compare, message)
    finally:
        await database.close()


def _run_steps(connection: Connection) -> None:
    command.upgrade(_config(connection), "head")


def _compare(connection: Connection, message: str) -> None:
    config = _config(connection)
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    number = int(newest_step()) + 1
    command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04d}")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(STEPS.parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python -m gatewayops.store.control.migrate "what changes"')
    write_step(sys.argv[1])
