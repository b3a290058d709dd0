"""Masking rules in the control store: tenants apart, one change at a time, and the switch of before."""

import pytest
from sqlalchemy import text

from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.store.control import directory, masking, revision, snapshot_feed
from gatewayops.store.control.database import Database, for_writing, migrate
from gatewayops.store.control.migrate import _config
from gatewayops.store.snapshot import MaskingRow, MaskingRule

ORG = "org_default"
RULE = MaskingRule("employee", "regex", "EMP-[0-9]+")


async def test_rules_are_made_replaced_and_removed_by_name(database: Database) -> None:
    async with database.session() as session:
        before = await revision.current(session)
        await masking.put_rule(session, org_id=ORG, rule=RULE, most=10)
        await masking.put_rule(session, org_id=ORG, rule=MaskingRule("employee", "field", "emp"), most=10)
        await masking.put_rule(session, org_id="org_other", rule=RULE, most=10)
        assert await revision.current(session) > before
    async with database.reading() as session:
        assert (await masking.of(session, org_id=ORG)).rules == (MaskingRule("employee", "field", "emp"),)
        assert (await masking.of(session, org_id="org_other")).rules == (RULE,)
    async with database.session() as session:
        await masking.remove_rule(session, org_id=ORG, name="employee")
        with pytest.raises(NotFound):
            await masking.remove_rule(session, org_id=ORG, name="employee")
    async with database.reading() as session:
        assert await masking.of(session, org_id=ORG) == MaskingRow(ORG)
        assert (await masking.of(session, org_id="org_other")).rules == (RULE,)


async def test_there_is_room_for_so_many_rules(database: Database) -> None:
    async with database.session() as session:
        await masking.put_rule(session, org_id=ORG, rule=RULE, most=1)
        await masking.put_rule(session, org_id=ORG, rule=RULE, most=1)
    with pytest.raises(InvalidInput, match="at most 1"):
        async with database.session() as session:
            await masking.put_rule(session, org_id=ORG, rule=MaskingRule("b", "field", "b"), most=1)
    async with database.reading() as session:
        assert (await masking.of(session, org_id=ORG)).rules == (RULE,)


async def test_all_is_replaced_at_once(database: Database) -> None:
    first = MaskingRow(ORG, ("email",), ("card", "ssn"), (RULE, MaskingRule("x", "field", "x")))
    second = MaskingRow(ORG, ("phone",), ("card",), (MaskingRule("employee", "field", "emp"),))
    for wanted in (first, second, MaskingRow(ORG)):
        async with database.session() as session:
            assert await masking.replace(session, wanted) == wanted
        async with database.reading() as session:
            assert await masking.of(session, org_id=ORG) == wanted


async def test_gateways_learn_of_organisations_that_differ(database: Database) -> None:
    async with database.session() as session:
        await masking.replace(session, MaskingRow("org_other", ("email",), (), (RULE,)))
    async with database.reading() as session:
        built = await snapshot_feed.build(session)
    assert built.masking == (MaskingRow("org_other", ("email",), (), (RULE,)),)


async def test_the_switch_for_contacts_is_two_classes(database: Database) -> None:
    async with database.session() as session:
        told = await directory.set_masks_contacts(session, org_id=ORG, masks_contacts=True)
        assert told.masks_contacts
        assert (await masking.of(session, org_id=ORG)).switched_on == ("email", "phone")
        await masking.switch(session, org_id=ORG, states={"phone": None})
        assert not (await directory.organisation(session, org_id=ORG)).masks_contacts
        await directory.set_masks_contacts(session, org_id=ORG, masks_contacts=False)
        assert await masking.of(session, org_id=ORG) == MaskingRow(ORG)


async def test_what_an_organisation_had_switched_on_before_stays_on(empty_url: str) -> None:
    from alembic import command

    await migrate(empty_url)
    database = Database.open(empty_url)
    async with database.session() as session:
        await directory.ensure_default(session)
        await directory.add_organisation(session, org_id="org_other", slug="other", name="Other")
        await directory.set_masks_contacts(session, org_id="org_other", masks_contacts=True)
    async with for_writing(database.engine).begin() as connection:
        await connection.run_sync(lambda plain: command.downgrade(_config(plain), "0006"))
    async with for_writing(database.engine).begin() as connection:
        rows = await connection.execute(text("SELECT id, masks_contacts FROM organisations ORDER BY id"))
        assert [(row[0], bool(row[1])) for row in rows] == [(ORG, False), ("org_other", True)]
        await connection.run_sync(lambda plain: command.upgrade(_config(plain), "head"))
    async with database.reading() as session:
        assert await masking.rows(session) == (MaskingRow("org_other", ("email", "phone")),)
        assert (await directory.organisation(session, org_id="org_other")).masks_contacts
    await database.close()
