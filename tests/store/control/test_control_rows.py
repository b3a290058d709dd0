"""What the control store keeps, on both databases: keys, servers, prices, the directory."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, InvalidInput, NotFound
from gatewayops.store.control import directory, keys, prices, servers
from gatewayops.store.control.database import Database
from gatewayops.store.control.keys import HashedSecret, KeySpec, Sought
from gatewayops.store.control.paging import Asked
from gatewayops.store.control.prices import Tariff
from gatewayops.store.control.servers import Headers, ServerSpec

ORG = "org_default"
OTHER = "org_other"
ALL = Asked(limit=200)


def key_spec(name: str = "agent", **more: object) -> KeySpec:
    return KeySpec(name=name, env="prod", servers=("*",), actions=("mcp.*",), **more)


def secret(number: int = 1, prefix: str = "gwo_prod_aaaa") -> HashedSecret:
    return HashedSecret(prefix=prefix, hash=f"hash {number}")


def server_spec(name: str = "github", url: str = "https://mcp.example.com/mcp") -> ServerSpec:
    return ServerSpec(
        name=name,
        url=url,
        timeout_s=30.0,
        connect_timeout_s=5.0,
        retries=2,
        max_in_flight=100,
        allows_private=False,
    )


class TestKeys:
    async def test_a_key_is_found_by_the_prefix_of_its_secret(self, database: Database) -> None:
        async with database.session() as session:
            key = await keys.add(session, org_id=ORG, spec=key_spec(), secret=secret())
        async with database.reading() as session:
            (candidate,) = await keys.candidates(session, "gwo_prod_aaaa")
            assert candidate.hash == "hash 1"
            assert await keys.of_secret(session, candidate.secret_id) == key
            assert await keys.candidates(session, "gwo_prod_bbbb") == []
            assert await keys.candidates(session, "' OR ''='") == []

    async def test_a_rotated_key_has_two_secrets_for_24_hours(self, database: Database) -> None:
        async with database.session() as session:
            key = await keys.add(session, org_id=ORG, spec=key_spec(), secret=secret(1))
        async with database.session() as session:
            rotated, until = await keys.rotate(
                session, org_id=ORG, key_id=key.id, secret=secret(2, "gwo_prod_b")
            )
        assert rotated.prefix == "gwo_prod_b"
        assert timedelta(hours=23) < until - clock.now() <= timedelta(hours=24)
        async with database.reading() as session:
            assert len(await keys.candidates(session, "gwo_prod_aaaa")) == 1
            assert len(await keys.candidates(session, "gwo_prod_b")) == 1

    async def test_after_the_overlap_only_the_new_secret_counts(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with database.session() as session:
            key = await keys.add(session, org_id=ORG, spec=key_spec(), secret=secret(1))
            await keys.rotate(session, org_id=ORG, key_id=key.id, secret=secret(2))
        later = clock.now() + timedelta(hours=24, seconds=1)
        monkeypatch.setattr(clock, "now", lambda: later)
        async with database.reading() as session:
            assert [candidate.hash for candidate in await keys.candidates(session, "gwo_prod_aaaa")] == [
                "hash 2"
            ]

    async def test_a_second_rotation_does_not_lengthen_the_first(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with database.session() as session:
            key = await keys.add(session, org_id=ORG, spec=key_spec(), secret=secret(1))
            await keys.rotate(session, org_id=ORG, key_id=key.id, secret=secret(2))
        start = clock.now()
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(hours=12))
        async with database.session() as session:
            await keys.rotate(session, org_id=ORG, key_id=key.id, secret=secret(3))
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(hours=25))
        async with database.reading() as session:
            hashes = {candidate.hash for candidate in await keys.candidates(session, "gwo_prod_aaaa")}
        assert hashes == {"hash 2", "hash 3"}

    async def test_a_revoked_or_expired_key_has_no_secret(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        soon = clock.now() + timedelta(minutes=1)
        async with database.session() as session:
            revoked = await keys.add(session, org_id=ORG, spec=key_spec(), secret=secret(1))
            await keys.add(session, org_id=ORG, spec=key_spec(expires_at=soon), secret=secret(2))
            first = await keys.revoke(session, org_id=ORG, key_id=revoked.id)
            again = await keys.revoke(session, org_id=ORG, key_id=revoked.id)
            with pytest.raises(Conflict):
                await keys.rotate(session, org_id=ORG, key_id=revoked.id, secret=secret(3))
        assert first.revoked_at == again.revoked_at is not None
        monkeypatch.setattr(clock, "now", lambda: soon)
        async with database.reading() as session:
            assert await keys.candidates(session, "gwo_prod_aaaa") == []

    async def test_another_organisation_cannot_touch_a_key(self, database: Database) -> None:
        async with database.session() as session:
            key = await keys.add(session, org_id=ORG, spec=key_spec(), secret=secret())
            with pytest.raises(NotFound):
                await keys.find(session, org_id=OTHER, key_id=key.id)
            with pytest.raises(NotFound):
                await keys.revoke(session, org_id=OTHER, key_id=key.id)
            with pytest.raises(NotFound):
                await keys.rotate(session, org_id=OTHER, key_id=key.id, secret=secret(2))
            page = await keys.page(session, org_id=OTHER, asked=ALL, sought=Sought(with_revoked=True))
        assert page.rows == ()

    async def test_pages_show_each_key_once_while_keys_are_added(self, database: Database) -> None:
        async with database.session() as session:
            for number in range(5):
                await keys.add(session, org_id=ORG, spec=key_spec(f"k{number}"), secret=secret(number))
        names: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            async with database.session() as session:
                asked = Asked(limit=2, cursor=cursor)
                page = await keys.page(session, org_id=ORG, asked=asked, sought=Sought())
                await keys.add(session, org_id=ORG, spec=key_spec("late"), secret=secret(9))
            assert page.has_more == (page.cursor is not None)
            names += [key.spec.name for key in page.rows]
            cursor = page.cursor
        assert names == ["k4", "k3", "k2", "k1", "k0"]

    @pytest.mark.parametrize("cursor", ["x", "AAAA", "W10", "bnVsbA", "é"])
    async def test_a_foreign_cursor_is_refused(self, database: Database, cursor: str) -> None:
        async with database.reading() as session:
            with pytest.raises(InvalidInput, match="cursor"):
                await keys.page(session, org_id=ORG, asked=Asked(cursor=cursor), sought=Sought())


class TestServers:
    async def test_a_server_is_found_by_id_and_by_name(self, database: Database) -> None:
        async with database.session() as session:
            added = await servers.add(
                session,
                org_id=ORG,
                server_id=servers.new_server_id(),
                spec=server_spec(),
                headers=Headers(names=("Authorization",), sealed=b"\x00sealed\xff"),
            )
        async with database.reading() as session:
            assert await servers.find(session, org_id=ORG, ref=added.id) == added
            assert await servers.find(session, org_id=ORG, ref="github") == added
            with pytest.raises(NotFound):
                await servers.find(session, org_id=OTHER, ref="github")

    async def test_a_name_is_unique_in_its_organisation_only(self, database: Database) -> None:
        for org_id in (ORG, OTHER):
            async with database.session() as session:
                await servers.add(
                    session, org_id=org_id, server_id=f"srv_{org_id}", spec=server_spec(), headers=Headers()
                )
        with pytest.raises(Conflict, match="github"):
            async with database.session() as session:
                await servers.add(
                    session, org_id=ORG, server_id="srv_new", spec=server_spec(), headers=Headers()
                )

    async def test_a_rename_onto_a_taken_name_changes_nothing(self, database: Database) -> None:
        for name in ("one", "two"):
            async with database.session() as session:
                two = await servers.add(
                    session, org_id=ORG, server_id=f"srv_{name}", spec=server_spec(name), headers=Headers()
                )
        with pytest.raises(Conflict):
            async with database.session() as session:
                await servers.change(session, two, spec=server_spec("one"), headers=Headers())
        async with database.reading() as session:
            assert (await servers.find(session, org_id=ORG, ref="two")).id == "srv_two"

    async def test_a_change_of_what_has_changed_meanwhile_is_refused(self, database: Database) -> None:
        async with database.session() as session:
            known = await servers.add(
                session, org_id=ORG, server_id="srv_x", spec=server_spec(), headers=Headers()
            )
        async with database.session() as session:
            await servers.change(session, known, spec=server_spec("renamed"), headers=Headers())
        with pytest.raises(Conflict, match="meanwhile"):
            async with database.session() as session:
                await servers.change(session, known, spec=server_spec("again"), headers=Headers())

    async def test_a_removed_server_is_gone(self, database: Database) -> None:
        async with database.session() as session:
            await servers.add(session, org_id=ORG, server_id="srv_x", spec=server_spec(), headers=Headers())
        async with database.session() as session:
            with pytest.raises(NotFound):
                await servers.remove(session, org_id=OTHER, server_id="srv_x")
            await servers.remove(session, org_id=ORG, server_id="srv_x")
        async with database.reading() as session:
            assert (await servers.page(session, org_id=ORG, asked=ALL)).rows == ()


class TestPrices:
    async def test_a_new_organisation_has_the_default_price(self, database: Database) -> None:
        async with database.reading() as session:
            (price,) = (await prices.page(session, org_id=OTHER, asked=ALL)).rows
        assert (price.server, price.tool) == ("", "")
        assert price.tariff == Tariff.of_dollars(Decimal("0.001"), Decimal("0.00001"), Decimal("0.00003"))

    async def test_setting_a_price_again_replaces_it(self, database: Database) -> None:
        for dollars in (1, 2):
            async with database.session() as session:
                tariff = Tariff.of_dollars(Decimal(dollars), Decimal(0), Decimal(0))
                await prices.put(session, org_id=ORG, server="github", tool="", tariff=tariff)
        async with database.reading() as session:
            rows = (await prices.page(session, org_id=ORG, asked=ALL)).rows
        assert [price.tariff.per_call_micros for price in rows if price.server] == [2_000_000]

    async def test_another_organisations_price_cannot_be_removed(self, database: Database) -> None:
        async with database.session() as session:
            (price,) = (await prices.page(session, org_id=ORG, asked=ALL)).rows
            with pytest.raises(NotFound):
                await prices.remove(session, org_id=OTHER, price_id=price.id)
            await prices.remove(session, org_id=ORG, price_id=price.id)


class TestDirectory:
    async def test_teams_form_a_tree(self, database: Database) -> None:
        async with database.session() as session:
            top = await directory.add_team(session, org_id=ORG, name="engineering")
            below = await directory.add_team(session, org_id=ORG, name="platform", parent="engineering")
        assert below.parent_id == top.id

    async def test_no_name_passes_for_the_id_of_another(self, database: Database) -> None:
        async with database.session() as session:
            strong = await directory.add_team(session, org_id=ORG, name="admins")
            team = await directory.add_team(session, org_id=ORG, name="search")
            await directory.change_team(session, org_id=ORG, ref=strong.id, name=team.id, parent=None)
            other = await directory.add_project(session, org_id=ORG, name="other")
            assert await directory.team_id(session, org_id=ORG, ref=team.id) == team.id
            moved = await directory.change_team(session, org_id=ORG, ref=team.id, name="search", parent="")
            assert (moved.id, (await directory.find_project(session, org_id=ORG, ref=other.id)).id) == (
                team.id,
                other.id,
            )

    async def test_two_moves_at_once_make_no_ring(self, database: Database) -> None:
        async with database.session() as session:
            for name in ("engineering", "platform"):
                await directory.add_team(session, org_id=ORG, name=name)

        async def move(team: str, parent: str) -> None:
            async with database.session() as session:
                await directory.change_team(session, org_id=ORG, ref=team, name=None, parent=parent)
                await asyncio.sleep(0.1)

        moves = move("engineering", "platform"), move("platform", "engineering")
        done = await asyncio.gather(*moves, return_exceptions=True)
        assert sorted(type(one).__name__ for one in done) == ["InvalidInput", "NoneType"]

    async def test_names_of_another_organisation_are_unknown(self, database: Database) -> None:
        async with database.session() as session:
            team = await directory.add_team(session, org_id=ORG, name="engineering")
            user = await directory.add_user(session, org_id=ORG, email="Ada@Example.com", team="engineering")
            project = await directory.add_project(session, org_id=ORG, name="review", team=team.id)
            assert user.email == "ada@example.com"
            with pytest.raises(InvalidInput, match="parent"):
                await directory.add_team(session, org_id=OTHER, name="sub", parent=team.id)
            with pytest.raises(InvalidInput, match="user"):
                await directory.find_user(session, org_id=OTHER, ref=user.id)
            with pytest.raises(InvalidInput, match="project"):
                await directory.find_project(session, org_id=OTHER, ref=project.id)

    async def test_an_address_belongs_to_one_user_whatever_its_case(self, database: Database) -> None:
        async with database.session() as session:
            await directory.add_user(session, org_id=ORG, email="ada@example.com")
        with pytest.raises(Conflict, match="ada@example"):
            async with database.session() as session:
                await directory.add_user(session, org_id=ORG, email="ADA@example.com")
