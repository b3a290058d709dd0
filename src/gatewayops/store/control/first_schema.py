"""The schema of a store that has none yet: at once as it is now, which takes a quarter of all steps' time.

That both ways lead to the same is a test's (tests/store/control/test_control_schema.py).
"""

from sqlalchemy import Column, Connection, MetaData, String, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatewayops.store.control import audit_guards
from gatewayops.store.control.database import stored_step
from gatewayops.store.control.every_table import METADATA

_LOCK = 720_575_940  # any number, the same in all our processes
_VERSION = Table(
    "alembic_version",  # as Alembic makes it
    MetaData(naming_convention={"pk": "%(table_name)s_pkc"}),
    Column("version_num", String(32), primary_key=True),
)


async def create(engine: AsyncEngine, *, step: str) -> bool:
    """Makes it, as after `step`, the newest; False where another process has made one meanwhile."""
    async with engine.begin() as connection:
        await be_alone(connection)
        return await connection.run_sync(_create, step)


async def be_alone(connection: AsyncConnection) -> None:
    """Until its transaction ends, no other process changes the schema."""
    is_sqlite = connection.dialect.name == "sqlite"  # there a writer is alone from its first statement on
    await connection.execute(text("SELECT 1" if is_sqlite else f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _create(connection: Connection, step: str) -> bool:
    if stored_step(connection):
        return False
    METADATA.create_all(connection, checkfirst=False)
    for statement in audit_guards.statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    _VERSION.create(connection)
    connection.execute(_VERSION.insert().values(version_num=step))
    return True
