"""Opens the two stores that the settings name, without what serves them: for roles and commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gatewayops.app.layout import DataDirectory
from gatewayops.settings import Settings
from gatewayops.store.control import directory
from gatewayops.store.control.database import Database, migrate
from gatewayops.store.telemetry.client import Telemetry


@asynccontextmanager
async def open_telemetry(settings: Settings, *, store_address: str) -> AsyncIterator[Telemetry]:
    """A client of the telemetry store that the settings name, else of the embedded one at `store_address`.

    It connects when it is first asked.
    """
    given = settings.telemetry
    url, password = given.url, given.password
    if not url:
        data = DataDirectory(settings.data).prepare()
        url, password = f"http://{store_address}", data.store_password()
    telemetry = Telemetry(
        url=url,
        user=given.user,
        password=password,
        database=given.database,
        retention_days=given.retention_days,
    )
    try:
        yield telemetry
    finally:
        await telemetry.close()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The control store at its newest schema, with its default organisation."""
    await migrate(settings.control_url)
    database = Database.open(settings.control_url)
    try:
        async with database.session() as session:
            await directory.ensure_default(session)
        yield database
    finally:
        await database.close()
