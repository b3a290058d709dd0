"""The audit log in both databases: what gets into it by itself, that it only grows, what may be removed."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, GatewayOpsError
from gatewayops.record.audit.notary import Notary
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.audit.signing import Signer
from gatewayops.store import origin
from gatewayops.store.audit_entry import NO_HASH, Actor, Draft, entry_hash
from gatewayops.store.control import (
    alert_channels,
    audit,
    audit_checkpoints,
    directory,
    keys,
    prices,
    servers,
)
from gatewayops.store.control.alert_channels import Channel
from gatewayops.store.control.audit import Wanted
from gatewayops.store.control.database import Database
from gatewayops.store.control.paging import Asked
from gatewayops.store.control.prices import Tariff
from gatewayops.store.origin import Origin

ORG = "org_default"
ADA = Origin(Actor("key", "key_ada", "Ada's laptop"), address="203.0.113.9", request_id="r1", trace_id="t1")


async def entries(database: Database, **wanted: Any) -> list[dict[str, Any]]:
    async with database.reading() as session:
        found = await audit.page(session, org_id=ORG, wanted=Wanted(**wanted), asked=Asked(limit=200))
    return list(reversed(found.rows))


async def actions(database: Database, **wanted: Any) -> list[str]:
    return [entry["action"] for entry in await entries(database, **wanted)]


async def make_key(database: Database, name: str = "agent") -> str:
    spec = keys.KeySpec(name=name, env="prod", servers=("*",), actions=("*",))
    async with database.session() as session:
        key = await keys.add(session, org_id=ORG, spec=spec, secret=keys.HashedSecret("gwo_1", "$2b$secret"))
    return key.id


async def test_a_change_is_told_with_who_what_before_and_after(database: Database) -> None:
    price = Tariff(1, 2, 3)
    with origin.kept():
        origin.enter(ADA)
        async with database.session() as session:
            await prices.put(session, org_id=ORG, server="", tool="", tariff=price)
    [entry] = await entries(database, actor="key_ada")
    assert entry["action"] == "price.changed"
    assert entry["before"] == {
        "per_call_micros": 1_000,
        "input_micros_per_mtok": 10_000_000,
        "output_micros_per_mtok": 30_000_000,
    }
    assert entry["after"] == {
        "per_call_micros": 1,
        "input_micros_per_mtok": 2,
        "output_micros_per_mtok": 3,
    }
    assert entry["actor"] == {"kind": "key", "id": "key_ada", "name": "Ada's laptop"}
    assert (entry["from"], entry["request_id"], entry["trace_id"]) == ("203.0.113.9", "r1", "t1")


async def test_a_key_is_told_from_its_making_to_its_end_without_its_secrets(database: Database) -> None:
    key_id = await make_key(database)
    async with database.session() as session:
        await keys.rotate(session, org_id=ORG, key_id=key_id, secret=keys.HashedSecret("gwo_2", "$2b$other"))
    async with database.session() as session:
        await keys.revoke(session, org_id=ORG, key_id=key_id)
        await keys.revoke(session, org_id=ORG, key_id=key_id)
    assert await actions(database, target=key_id) == ["key.created", "key.rotated", "key.revoked"]
    assert "$2b" not in str(await entries(database))


async def test_sealed_values_are_shown_as_changed(database: Database) -> None:
    spec = servers.ServerSpec(
        name="github", url="https://x.example.com/mcp", timeout_s=1, connect_timeout_s=1, retries=0,
        max_in_flight=1, allows_private=False,
    )  # fmt: skip
    async with database.session() as session:
        made = await servers.add(
            session,
            org_id=ORG,
            server_id="srv_1",
            spec=spec,
            headers=servers.Headers(("authorization",), b"sealed1"),
        )
    async with database.session() as session:
        await servers.change(
            session, made, spec=spec, headers=servers.Headers(("authorization",), b"sealed2")
        )
    created, changed = await entries(database, target="github")
    assert created["after"]["sealed_headers"] == "set"
    assert changed["before"]["sealed_headers"] == "hidden"
    assert changed["after"]["sealed_headers"] == "changed"


async def test_what_is_removed_is_told_as_it_was(database: Database) -> None:
    async with database.session() as session:
        price = await prices.put(session, org_id=ORG, server="github", tool="", tariff=Tariff(7, 0, 0))
    async with database.session() as session:
        await prices.remove(session, org_id=ORG, price_id=price.id)
    *_, removed = await entries(database, target=price.id)
    assert (removed["action"], removed["after"]) == ("price.removed", None)
    assert removed["before"]["per_call_micros"] == 7


async def test_what_is_rolled_back_is_not_told(database: Database) -> None:
    before = await actions(database)

    async def add_twice() -> None:
        async with database.session() as session:
            await directory.add_team(session, org_id=ORG, name="a")
            await directory.add_team(session, org_id=ORG, name="a")

    with pytest.raises(Conflict):
        await add_twice()
    assert await actions(database) == before


async def test_every_entry_follows_from_the_one_before_also_under_concurrent_writers(
    database: Database, migrated_url: str
) -> None:
    other = Database.open(migrated_url)

    async def work(writer: Database, letter: str) -> None:
        for number in range(10):
            async with writer.session() as session:
                await directory.add_team(session, org_id=ORG, name=f"{letter}{number}")

    await asyncio.gather(work(database, "a"), work(other, "b"), work(database, "c"))
    await other.close()
    async with database.reading() as session:
        head = await audit.head(session, org_id=ORG)
        rows = await audit.rows(session, org_id=ORG, first=1, last=head.seq, limit=1_000)
    digest = NO_HASH
    for seq, row in enumerate(rows, start=1):
        digest = entry_hash(digest, row.body)
        assert (row.seq, row.hash) == (seq, digest)
    assert (len(rows), digest) == (head.seq, head.hash)


async def test_organisations_have_chains_of_their_own(database: Database) -> None:
    async with database.session() as session:
        await directory.add_team(session, org_id="org_other", name="theirs")
    async with database.reading() as session:
        theirs = await audit.page(session, org_id="org_other", wanted=Wanted(), asked=Asked())
    assert [entry["seq"] for entry in theirs.rows] == [3, 2, 1]
    assert "theirs" not in str(await entries(database))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'x'",
        "DELETE FROM audit_entries",
        "UPDATE audit_personal SET value = 'x'",
        "DELETE FROM audit_chains",
        "UPDATE audit_chains SET seq = seq - 1",
        "UPDATE audit_chains SET pruned_to = 2",
        "UPDATE audit_checkpoints SET signed = ''",
        "DELETE FROM audit_checkpoints",
    ],
)
async def test_the_database_refuses_to_change_the_log(database: Database, statement: str) -> None:
    await make_key(database)
    async with database.session() as session:
        await directory.add_user(session, org_id=ORG, email="ada@example.com")
    await notary(database).sign()
    with pytest.raises(GatewayOpsError):
        async with database.session() as session:
            await session.execute(text(statement))


def notary(database: Database, **more: Any) -> Notary:
    return Notary(database, Signer(b"k" * 32), AuditSettings(**more))


async def test_retention_removes_what_a_checkpoint_covers_and_the_rest_stays_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_key(database)
    await notary(database).sign(is_forced=True)
    assert await notary(database).prune() == 0
    in_two_years = clock.now() + timedelta(days=731)
    monkeypatch.setattr(clock, "now", lambda: in_two_years)
    await make_key(database, "second")
    assert await notary(database).prune() == 2  # the other organisation's too
    await make_key(database, "third")
    assert await actions(database) == ["key.created", "audit.pruned", "key.created"]
    await notary(database).sign(is_forced=True)  # raises ChainBroken, were it not whole
    async with database.reading() as session:
        head = await audit.head(session, org_id=ORG)
        assert (head.seq, head.pruned_to) == (6, 3)
        known = await audit_checkpoints.newest(session, org_id=ORG, limit=10)
    assert [kept.size for kept, _ in known] == [6, 3]


async def test_erasing_a_person_leaves_what_others_did(database: Database) -> None:
    with origin.kept():
        origin.enter(ADA)
        async with database.session() as session:
            bob = await directory.add_user(session, org_id=ORG, email="bob@example.com", name="Bob")
    async with database.session() as session:
        count = await audit.erase(session, org_id=ORG, subject=bob.id, actor=Actor("admin", "local"))
    assert count == 3
    told, erased = (await entries(database))[-2:]
    assert told["target"]["name"] is None
    assert told["after"]["email"] is None
    assert (told["actor"]["name"], told["from"]) == ("Ada's laptop", "203.0.113.9")
    assert (erased["action"], erased["after"]) == ("audit.erased", {"values": 3})
    async with database.session() as session:
        assert await audit.erase(session, org_id=ORG, subject="key_ada", actor=Actor("admin", "local")) == 2
    assert (await entries(database))[-3]["from"] is None


async def test_an_address_of_a_channel_is_erased_and_the_others_stay(database: Database) -> None:
    channel = Channel(
        id=alert_channels.new_channel_id(),
        org_id=ORG,
        name="ops",
        kind="email",
        address="ada@example.com, Bob@example.com",
        sealed_secret=b"",
        is_for_all=True,
        created_at=clock.now(),
    )
    async with database.session() as session:
        await alert_channels.add(session, channel)
    async with database.session() as session:
        await alert_channels.change(
            session, org_id=ORG, channel_id=channel.id, columns={"address": "carol@example.com"}
        )
    created, changed = (await entries(database))[-2:]
    assert created["after"]["address_1"] == "ada@example.com"
    assert created["after"]["address_2"] == "Bob@example.com"
    assert "example.com" not in await body_of(database, created["seq"])
    assert "example.com" not in await body_of(database, changed["seq"])
    async with database.session() as session:
        erased = await audit.erase(
            session, org_id=ORG, subject="bob@example.com", actor=Actor("admin", "local")
        )
    assert erased == 2  # of the entry that made it, and of the change
    created, changed, _ = (await entries(database))[-3:]
    assert (created["after"]["address_1"], created["after"]["address_2"]) == ("ada@example.com", None)
    assert (changed["before"]["address_2"], changed["after"]["address_1"]) == (None, "carol@example.com")


async def body_of(database: Database, seq: int) -> str:
    async with database.reading() as session:
        [row] = await audit.rows(session, org_id=ORG, first=seq, last=seq, limit=1)
    return row.body.decode()


async def test_entries_are_found_by_time_action_and_name(database: Database) -> None:
    begin: datetime = clock.now()
    with origin.kept():
        origin.enter(ADA)
        await make_key(database)
        async with database.session() as session:
            await directory.add_user(session, org_id=ORG, email="bob@example.com")
    assert await actions(database, start=begin) == ["key.created", "user.created"]
    assert await actions(database, end=begin, action="key.*") == []
    assert await actions(database, action="key.*") == ["key.created"]
    assert await actions(database, actor="Ada's laptop") == ["key.created", "user.created"]
    assert await actions(database, target="bob@example.com") == ["user.created"]
    assert await actions(database, target="agent") == ["key.created"]


async def test_odd_texts_are_kept(database: Database) -> None:
    draft = Draft(
        action="x.y", actor=Actor("unknown", "a\x00b", "\ud800"), detail="d" * 9_999, after={"x": "y" * 9_999}
    )
    async with database.session() as session:
        audit.note(session, ORG, draft)
    *_, entry = await entries(database)
    assert entry["actor"]["id"] == "a\N{REPLACEMENT CHARACTER}b"
    assert entry["after"]["x"].keys() == {"sha256", "bytes"}
    assert len(entry["detail"]) == 500
