"""Roles, bindings and policies in both databases, and what of them gateways get."""

import pytest

from gatewayops.base.errors import Conflict, InvalidInput, NotFound
from gatewayops.store import snapshot
from gatewayops.store.control import access, directory, policies, roles
from gatewayops.store.control.access import Subject
from gatewayops.store.control.database import Database
from gatewayops.store.control.paging import Asked
from gatewayops.store.control.snapshot_feed import build
from gatewayops.store.snapshot import Permission

ORG = directory.DEFAULT_ORG
EVERYBODY = Subject("organization", ORG)
READ = Permission("allow", "files", "tools.*", "read_*")


async def add_role(session, name="support", org_id=ORG, permissions=(READ,)):
    return await roles.add(session, org_id=org_id, name=name, description="", permissions=permissions)


async def test_gateways_get_all_that_decides(database: Database) -> None:
    async with database.session() as session:
        top = await directory.add_team(session, org_id=ORG, name="platform")
        team = await directory.add_team(session, org_id=ORG, name="search", parent="platform")
        user = await directory.add_user(session, org_id=ORG, email="ada@example.com", team="search")
        role = await add_role(session)
        await roles.bind(session, org_id=ORG, role=role, subject=Subject("user", user.id))
        await policies.add(session, org_id=ORG, subject=EVERYBODY, permission=READ, description="why")
    async with database.reading() as session:
        built = snapshot.decode(snapshot.encode(await build(session)))
        state = await access.state(session)
    assert built.access == state.access
    assert (built.teams, built.revision) == (state.teams, state.revision)
    assert built.access.users == (snapshot.UserRow(user.id, ORG, team.id),)
    assert built.access.roles == (snapshot.RoleRow(role.id, ORG, "support", (READ,)),)
    [binding] = built.access.bindings
    assert (binding.role_id, binding.subject_kind, binding.subject_id) == (role.id, "user", user.id)
    [policy] = built.access.policies
    assert (policy.subject_kind, policy.subject_id, policy.permission) == ("organization", ORG, READ)
    assert {row.id: row.parent_id for row in built.teams} == {top.id: "", team.id: top.id}


async def test_names_are_unique_in_an_organisation(database: Database) -> None:
    async with database.session() as session:
        await add_role(session)
        await add_role(session, org_id="org_other")
    for name, error in (("support", Conflict), ("Viewer", Conflict), ("role_x", InvalidInput)):
        with pytest.raises(error, match=r"^name: "):
            async with database.session() as session:
                await add_role(session, name=name)


async def test_a_role_is_found_by_id_and_name_in_its_organisation_only(database: Database) -> None:
    async with database.session() as session:
        role = await add_role(session)
    async with database.reading() as session:
        for ref in (role.id, "support"):
            assert await roles.find(session, org_id=ORG, ref=ref) == role
            with pytest.raises(NotFound):
                await roles.find(session, org_id="org_other", ref=ref)
        with pytest.raises(NotFound):
            await roles.find(session, org_id=ORG, ref="Support")
        assert (await roles.find(session, org_id="org_other", ref="ADMIN")).is_predefined


async def test_what_is_held_twice_is_held_once(database: Database) -> None:
    async with database.session() as session:
        role = await add_role(session)
        first = await roles.bind(session, org_id=ORG, role=role, subject=EVERYBODY)
        assert await roles.bind(session, org_id=ORG, role=role, subject=EVERYBODY) == first
        await policies.add(session, org_id=ORG, subject=EVERYBODY, permission=READ, description="")
    with pytest.raises(Conflict, match="holds this policy"):
        async with database.session() as session:
            await policies.add(session, org_id=ORG, subject=EVERYBODY, permission=READ, description="again")
    with pytest.raises(Conflict, match="bound"):
        async with database.session() as session:
            await roles.remove(session, org_id=ORG, role_id=role.id)


async def test_another_organisation_changes_nothing(database: Database) -> None:
    async with database.session() as session:
        role = await add_role(session)
        binding = await roles.bind(session, org_id=ORG, role=role, subject=EVERYBODY)
        policy = await policies.add(session, org_id=ORG, subject=EVERYBODY, permission=READ, description="")
    changes = (
        lambda session: roles.change(session, org_id="org_other", role_id=role.id, name="x"),
        lambda session: roles.remove(session, org_id="org_other", role_id=role.id),
        lambda session: roles.unbind(session, org_id="org_other", role_id=role.id, binding_id=binding.id),
        lambda session: policies.remove(session, org_id="org_other", policy_id=policy.id),
        lambda session: policies.change(session, org_id="org_other", policy_id=policy.id, permission=READ),
    )
    for change in changes:
        with pytest.raises(NotFound):
            async with database.session() as session:
                await change(session)


async def test_lists_come_by_the_page_with_the_names_of_subjects(database: Database) -> None:
    async with database.session() as session:
        for number in range(3):
            await add_role(session, name=f"r{number}")
        user = await directory.add_user(session, org_id=ORG, email="ada@example.com")
        viewer = await roles.find(session, org_id=ORG, ref="viewer")
        await roles.bind(session, org_id=ORG, role=viewer, subject=Subject("user", user.id))
        await roles.bind(session, org_id=ORG, role=viewer, subject=Subject("team", "team_gone"))
    async with database.reading() as session:
        first = await roles.page(session, org_id=ORG, asked=Asked(limit=2))
        rest = await roles.page(session, org_id=ORG, asked=Asked(limit=2, cursor=first.cursor or ""))
        assert [role.name for role in (*first.rows, *rest.rows)] == ["r2", "r1", "r0"]
        held = await roles.bindings(session, org_id=ORG, role_id=viewer.id, asked=Asked())
        assert {row.subject.name for row in held.rows} == {"ada@example.com", ""}


async def test_long_names_fit(database: Database) -> None:
    widest = Permission("deny", "a" * 63, "b" * 128, "\N{GRINNING FACE}" * 255)
    async with database.session() as session:
        made = await policies.add(
            session, org_id=ORG, subject=EVERYBODY, permission=widest, description="ü" * 255
        )
    async with database.reading() as session:
        assert (await policies.find(session, org_id=ORG, policy_id=made.id)).permission == widest
