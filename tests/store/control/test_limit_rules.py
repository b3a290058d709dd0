"""Rate limits in the control store, on both databases."""

import pytest

from gatewayops.base.errors import Conflict, InvalidInput, NotFound
from gatewayops.store.control import directory, keys, limits, revision, servers, snapshot_feed
from gatewayops.store.control.database import Database, Session
from gatewayops.store.control.keys import HashedSecret, Key, KeySpec
from gatewayops.store.control.limits import LimitSpec, Subject
from gatewayops.store.control.paging import Asked
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.store.snapshot import LimitRow, TeamRow

ORG = "org_default"
OTHER = "org_other"
FIVE = LimitSpec(calls=5, window_s=60)


async def add_key(session: Session, org_id: str = ORG, prefix: str = "gwo_prod_aaaa") -> Key:
    spec = KeySpec(name="agent", env="prod", servers=("*",), actions=("mcp.*",))
    return await keys.add(session, org_id=org_id, spec=spec, secret=HashedSecret(prefix, "hash"))


async def add_server(session: Session) -> str:
    spec = ServerSpec("github", "https://mcp.example.com/mcp", 30.0, 5.0, 2, 100, False)
    server = await servers.add(session, org_id=ORG, server_id="srv_1", spec=spec, headers=Headers())
    return server.id


async def test_subjects_are_found_as_people_name_them(database: Database) -> None:
    async with database.session() as session:
        key = await add_key(session)
        team = await directory.add_team(session, org_id=ORG, name="platform")
        user = await directory.add_user(session, org_id=ORG, email="ada@example.com")
        server_id = await add_server(session)
        named = [
            ("api_key", key.id, key.id, "agent"),
            ("api_key", "gwo_prod_aaaa", key.id, "agent"),
            ("user", "Ada@Example.com", user.id, "ada@example.com"),
            ("team", "platform", team.id, "platform"),
            ("server", "github", server_id, "github"),
            ("server", "*", "*", ""),
            ("global", "", "", ""),
        ]
        for scope, ref, subject_id, name in named:
            found = await limits.find_subject(session, org_id=ORG, scope=scope, ref=ref)
            assert found == Subject(scope, subject_id, name)


@pytest.mark.parametrize("scope", ["api_key", "user", "team", "server"])
@pytest.mark.parametrize("ref", ["", "nobody", "%"])
async def test_a_subject_that_is_not_there_is_not_found(database: Database, scope: str, ref: str) -> None:
    async with database.reading() as session:
        with pytest.raises(NotFound, match=r"^subject: no "):
            await limits.find_subject(session, org_id=ORG, scope=scope, ref=ref)


async def test_another_organisations_key_is_not_found_and_an_ambiguous_prefix_is_said(
    database: Database,
) -> None:
    async with database.session() as session:
        foreign = await add_key(session, OTHER)
        await add_key(session)
        await add_key(session)
    async with database.reading() as session:
        with pytest.raises(NotFound):
            await limits.find_subject(session, org_id=ORG, scope="api_key", ref=foreign.id)
        with pytest.raises(Conflict, match="give the key's id"):
            await limits.find_subject(session, org_id=ORG, scope="api_key", ref="gwo_prod_aaaa")
        with pytest.raises(InvalidInput, match="global has none"):
            await limits.find_subject(session, org_id=ORG, scope="global", ref="me")


async def test_a_second_limit_of_a_subject_replaces_the_first(database: Database) -> None:
    async with database.session() as session:
        subject = Subject("user", "user_1")
        first = await limits.put(session, org_id=ORG, subject=subject, spec=FIVE)
        again = await limits.put(session, org_id=ORG, subject=subject, spec=LimitSpec(9, 1, 3))
        await limits.put(session, org_id=OTHER, subject=subject, spec=FIVE)
    assert again.id == first.id
    async with database.reading() as session:
        page = await limits.page(session, org_id=ORG, asked=Asked())
        assert [(limit.calls, limit.window_s, limit.burst) for limit in page.rows] == [(9, 1, 3)]
        assert await limits.rows(session, org_id=ORG) == (LimitRow(ORG, "user", "user_1", 9, 1, 3),)


async def test_gateways_learn_of_limits_and_of_the_tree_of_teams(database: Database) -> None:
    async with database.session() as session:
        before = await revision.current(session)
        above = await directory.add_team(session, org_id=ORG, name="engineering")
        below = await directory.add_team(session, org_id=ORG, name="platform", parent=above.id)
        limit = await limits.put(session, org_id=ORG, subject=Subject("global", ""), spec=FIVE)
    async with database.session() as session:
        built = await snapshot_feed.build(session)
        assert built.revision > before
        assert built.limits == (LimitRow(ORG, "global", "", 5, 60),)
        assert set(built.teams) == {TeamRow(above.id, ORG), TeamRow(below.id, ORG, above.id)}
        await limits.remove(session, org_id=ORG, limit_id=limit.id)
    async with database.reading() as session:
        after = await snapshot_feed.build(session)
        assert (after.limits, after.revision > built.revision) == ((), True)


async def test_a_limit_is_removed_by_id_or_subject_and_by_its_own_organisation(database: Database) -> None:
    async with database.session() as session:
        subject = Subject("team", "*")
        limit = await limits.put(session, org_id=ORG, subject=subject, spec=FIVE)
        with pytest.raises(NotFound):
            await limits.remove(session, org_id=OTHER, limit_id=limit.id)
        with pytest.raises(NotFound):
            await limits.remove_of(session, org_id=OTHER, subject=subject)
        assert (await limits.find(session, org_id=ORG, limit_id=limit.id)).calls == 5
        await limits.remove_of(session, org_id=ORG, subject=subject)
        with pytest.raises(NotFound):
            await limits.find(session, org_id=ORG, limit_id=limit.id)
