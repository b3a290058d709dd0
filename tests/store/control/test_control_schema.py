"""The control store's schema: how it comes about, and that its history and its tables agree."""

import asyncio
from itertools import chain
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from gatewayops.base.errors import InvalidInput
from gatewayops.store.control import directory
from gatewayops.store.control.database import (
    Database,
    DatabaseUnavailable,
    SchemaTooNew,
    for_writing,
    migrate,
    newest_step,
)
from gatewayops.store.control.migrate import upgrade
from gatewayops.store.control.tables import Table


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), Table.metadata))


async def test_migrations_lead_to_the_tables_that_the_code_uses(empty_url: str) -> None:
    database = Database.open(empty_url)
    await upgrade(for_writing(database.engine))
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


_TRIGGERS = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) FROM pg_trigger t "
    "WHERE NOT t.tgisinternal",
}


def described(connection: Connection) -> set[str]:
    """What a schema consists of; not the order of columns, nor defaults that steps gave to rows of before."""
    looking = inspect(connection)
    found = set(connection.scalars(text(_TRIGGERS[connection.dialect.name])))
    for table in looking.get_table_names():
        parts = (
            looking.get_columns(table),
            looking.get_indexes(table),
            looking.get_foreign_keys(table),
            looking.get_unique_constraints(table),
            looking.get_check_constraints(table),
            [looking.get_pk_constraint(table)],
        )
        for one in chain(*parts):
            options = {name: str(value) for name, value in one.get("dialect_options", {}).items()}
            kept = {name: value for name, value in one.items() if name not in ("default", "dialect_options")}
            found.add(f"{table} {sorted(kept.items())} {sorted(options.items())}")
    return found


async def schema_at(database: Database) -> set[str]:
    async with database.engine.connect() as connection:
        rows = await connection.scalars(text("SELECT version_num FROM alembic_version"))
        found = await connection.run_sync(described) | set(rows)
    await database.close()
    return found


async def emptied(url: str) -> Database:
    """The same store without any tables; of SQLite another file."""
    database = Database.open(url.replace("control.db", "steps.db"))
    if not database.is_sqlite:
        async with for_writing(database.engine).begin() as connection:
            await connection.execute(text("DROP SCHEMA public CASCADE"))
            await connection.execute(text("CREATE SCHEMA public"))
    return database


async def test_a_new_store_is_as_one_that_took_all_steps(empty_url: str) -> None:
    """A new one is made at once: it never was without its last step."""
    await migrate(empty_url)
    at_once = await schema_at(Database.open(empty_url))
    database = await emptied(empty_url)
    await upgrade(for_writing(database.engine))
    step_by_step = await schema_at(database)
    assert at_once - step_by_step == set()
    assert step_by_step - at_once == set()
    assert len([one for one in at_once if "TRIGGER guard_audit" in one]) == 7


async def test_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(3)))
    await migrate(empty_url)


async def test_processes_that_start_at_once_make_one_default_organisation(empty_url: str) -> None:
    await migrate(empty_url)
    databases = [Database.open(empty_url) for _ in range(3)]

    async def first_start(database: Database) -> None:
        async with database.session() as session:
            await directory.ensure_default(session)

    await asyncio.gather(*map(first_start, databases))
    async with databases[0].reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM price_rules")) == 1
    for database in databases:
        await database.close()


async def test_a_store_of_a_newer_version_is_refused(empty_url: str) -> None:
    await migrate(empty_url)
    database = Database.open(empty_url)
    async with database.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await migrate(empty_url)


async def test_a_store_without_tables_is_unavailable_and_names_no_sql(empty_url: str) -> None:
    database = Database.open(empty_url)
    with pytest.raises(DatabaseUnavailable) as failed:
        async with database.session() as session:
            await directory.find_user(session, org_id="org_default", ref="ada@example.com")
    assert "SELECT" not in failed.value.detail
    assert "ada@example.com" not in f"{failed.value.detail} {failed.value.__cause__}"
    await database.close()


async def test_a_failed_transaction_keeps_nothing(database: Database) -> None:
    async def add_and_fail() -> None:
        async with database.session() as session:
            await directory.add_team(session, org_id="org_default", name="lost")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await add_and_fail()
    async with database.reading() as session:
        assert await directory.team_id(session, org_id="org_default", ref="") == ""
        with pytest.raises(InvalidInput):
            await directory.team_id(session, org_id="org_default", ref="lost")


async def test_writers_of_two_processes_wait_for_each_other(database: Database, migrated_url: str) -> None:
    other = Database.open(migrated_url)

    async def add_teams(writer: Database, letter: str) -> None:
        for number in range(10):
            async with writer.session() as session:
                await directory.organisation(session, org_id="org_default")
                await directory.set_masks_contacts(session, org_id="org_default", masks_contacts=True)
                await directory.add_team(session, org_id="org_default", name=f"{letter}{number}")

    await asyncio.gather(add_teams(database, "a"), add_teams(other, "b"))
    async with database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM teams")) == 20
    await other.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "sqlite:///x.db", "postgresql://x/y"])
def test_another_kind_of_address_names_the_setting(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"control_store\.url"):
        Database.open(url)


def test_steps_are_numbered_without_gaps() -> None:
    steps = Path(directory.__file__).parent / "migrations" / "versions"
    numbers = sorted(path.name[:4] for path in steps.glob("[0-9]*.py"))
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]
    assert newest_step() == numbers[-1]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_writer_that_waits_for_itself_is_told_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayops.store.control.database._BUSY_MS", 50)
    with pytest.raises(DatabaseUnavailable):
        async with database.session(), database.session():
            pass
    async with database.session() as session:
        await directory.add_team(session, org_id="org_default", name="after that")
