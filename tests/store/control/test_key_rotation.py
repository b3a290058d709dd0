"""Credentials under data keys, and their rotation: broken off anywhere, it goes on where it stood."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from gatewayops.base.crypto import SealBroken, Sealer, secret_file
from gatewayops.store.control import data_keys, exports, identity_providers, rotation, servers, snapshot_feed
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.control.exports import DestinationSpec
from gatewayops.store.control.identity_providers import ProviderSpec, provider_binding
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.store.control.tables import Table
from gatewayops.store.secrets.keyring import Keyring, key_of
from gatewayops.store.secrets.master import MasterKeyUnavailable, Masters
from gatewayops.store.secrets.opening import open_keyring
from gatewayops.store.secrets.settings import SecretsSettings
from gatewayops.store.secrets.vault import TransitMaster
from gatewayops.store.snapshot import server_binding
from gatewayops.testing.fake_vault import fake_vault

ORG = "org_default"
SECRET = b'{"Authorization": "Bearer of the server"}'


def opened(database: Database, folder: Path) -> Credentials:
    """As another process would."""
    return Credentials(database, open_keyring(SecretsSettings(), folder))


@pytest.fixture
def credentials(database: Database, tmp_path: Path) -> Credentials:
    return opened(database, tmp_path / "secrets")


async def add_server(database: Database, sealed: bytes, server_id: str, *, org_id: str = ORG) -> None:
    spec = ServerSpec(
        name=server_id.replace("_", "-"),
        url="https://x.example/mcp",
        timeout_s=30.0,
        connect_timeout_s=5.0,
        retries=2,
        max_in_flight=100,
        allows_private=False,
    )
    async with database.session() as session:
        headers = Headers(("Authorization",), sealed)
        await servers.add(session, org_id=org_id, server_id=server_id, spec=spec, headers=headers)


async def add_sealed(
    credentials: Credentials, database: Database, server_id: str, org_id: str = ORG
) -> bytes:
    sealed = await credentials.seal(SECRET, org_id=org_id, bound_to=server_binding(org_id, server_id))
    await add_server(database, sealed, server_id, org_id=org_id)
    return sealed


async def rotate(database: Database, credentials: Credentials, *, renews: bool = False) -> rotation.Progress:
    now = await rotation.begin(database, credentials, renews_data_keys=renews)
    while not now.is_done:
        now = await rotation.step(database, credentials)
    return now


async def all_open(database: Database, keyring: Keyring) -> bool:
    """As a gateway opens them, from the snapshot alone."""
    async with database.reading() as session:
        built = await snapshot_feed.build(session)
    keyring.learn(built.data_keys)
    return all(
        keyring.open(row.sealed_headers, bound_to=row.bound_to()) == SECRET for row in built.servers
    ) and bool(built.servers)


async def test_each_organisation_has_its_data_key(database: Database, credentials: Credentials) -> None:
    mine = [await credentials.seal(SECRET, org_id=ORG, bound_to=b"a") for _ in range(2)]
    other = await credentials.seal(SECRET, org_id="org_other", bound_to=b"a")
    assert key_of(mine[0]) == key_of(mine[1]) != key_of(other)
    assert await credentials.open(mine[0], org_id=ORG, bound_to=b"a") == SECRET
    async with database.reading() as session:
        assert {row.org_id for row in await data_keys.rows(session)} == {ORG, "org_other"}


async def test_processes_that_seal_first_at_once_share_one_data_key(
    database: Database, tmp_path: Path
) -> None:
    processes = [opened(database, tmp_path / "secrets") for _ in range(3)]
    sealed = await asyncio.gather(*(each.seal(SECRET, org_id=ORG, bound_to=b"a") for each in processes))
    assert len({key_of(value) for value in sealed}) == 1
    for each in processes:
        for value in sealed:
            assert await each.open(value, org_id=ORG, bound_to=b"a") == SECRET


async def test_another_organisations_value_does_not_open(
    database: Database, credentials: Credentials, tmp_path: Path
) -> None:
    sealed = await credentials.seal(SECRET, org_id=ORG, bound_to=b"a")
    with pytest.raises(SealBroken):
        await opened(database, tmp_path / "secrets").open(sealed, org_id="org_other", bound_to=b"a")


async def test_a_rotation_moves_everything_to_the_new_master_key(
    database: Database, credentials: Credentials, tmp_path: Path
) -> None:
    before = await add_sealed(credentials, database, "srv_a")
    await add_sealed(credentials, database, "srv_b", "org_other")
    done = await rotate(database, credentials)
    assert (done.version, done.is_continued) == ("local:2", False)
    (tmp_path / "secrets" / "master-1.key").unlink()
    assert await all_open(database, opened(database, tmp_path / "secrets").keyring)
    async with database.reading() as session:
        assert (await servers.find(session, org_id=ORG, ref="srv_a")).headers.sealed == before
        assert await data_keys.by_version(session) == {"local:2": 2}
        assert await data_keys.by_version(session, org_id=ORG) == {"local:2": 1}


async def test_data_keys_are_renewed_when_asked_for(
    database: Database, credentials: Credentials, tmp_path: Path
) -> None:
    before = await add_sealed(credentials, database, "srv_a")
    await rotate(database, credentials, renews=True)
    async with database.reading() as session:
        after = (await servers.find(session, org_id=ORG, ref="srv_a")).headers.sealed
    assert key_of(after) != key_of(before)
    assert await all_open(database, opened(database, tmp_path / "secrets").keyring)


def test_every_kind_of_sealed_value_is_rotated_but_what_lives_for_minutes() -> None:
    kept = {
        f"{table.name}.{column.name}"
        for table in Table.metadata.sorted_tables
        for column in table.columns
        if "sealed" in column.name
    }
    passing = {
        "sso_attempts.verifier_sealed",
        "upstream_sign_ins.sealed_verifier",
        "sign_in_attempts.sealed_verifier",
    }
    of_its_token = {"oauth_refresh_tokens.successor_sealed"}  # under no data key
    rotated = {f"{one.table.__tablename__}.{one.column}" for one in rotation.SEALED}
    assert rotated == kept - passing - of_its_token


async def test_headers_of_exports_and_secrets_of_identity_providers_move_to_the_new_data_key(
    database: Database, credentials: Credentials
) -> None:
    bound = {"export": exports.export_binding(ORG, "export_1"), "idp": provider_binding(ORG, "idp_1")}
    sealed = {name: await credentials.seal(SECRET, org_id=ORG, bound_to=to) for name, to in bound.items()}
    to = DestinationSpec("x", "otlp", "https://x.example", headers_sealed=sealed["export"])
    at = ProviderSpec(kind="oidc", name="x", settings={}, secret_sealed=sealed["idp"])
    async with database.session() as session:
        await exports.add(session, org_id=ORG, destination_id="export_1", spec=to)
        await identity_providers.add(session, org_id=ORG, provider_id="idp_1", spec=at)
    await rotate(database, credentials, renews=True)
    async with database.reading() as session:
        found = {
            "export": (await exports.find(session, org_id=ORG, ref="x")).spec.headers_sealed,
            "idp": (await identity_providers.find(session, org_id=ORG, ref="x")).spec.secret_sealed,
        }
    for name, value in found.items():
        assert key_of(value) != key_of(sealed[name])
        assert await credentials.open(value, org_id=ORG, bound_to=bound[name]) == SECRET


async def test_values_of_before_data_keys_are_sealed_anew(
    database: Database, credentials: Credentials, tmp_path: Path
) -> None:
    old = Sealer(secret_file(tmp_path / "secrets" / "seal.key"))
    await add_server(database, old.seal(SECRET, bound_to=server_binding(ORG, "srv_old")), "srv_old")
    assert await all_open(database, opened(database, tmp_path / "secrets").keyring)
    status = await rotation.status(database, credentials, org_id=ORG)
    assert (status.values, status.values_left, status.data_keys) == (1, 1, {})
    await rotate(database, credentials)
    (tmp_path / "secrets" / "seal.key").unlink()
    assert await all_open(database, opened(database, tmp_path / "secrets").keyring)
    assert (await rotation.status(database, credentials, org_id=None)).values_left == 0


async def test_a_rotation_that_was_broken_off_goes_on(
    database: Database, credentials: Credentials, tmp_path: Path
) -> None:
    for number in range(25):
        org_id = f"org_{number}"
        async with database.session() as session:
            await session.execute(
                text(
                    "INSERT INTO organisations (id, slug, name, created_at) "
                    "SELECT :id, :id, :id, created_at FROM organisations WHERE id = 'org_default'"
                ),
                {"id": org_id},
            )
        await add_sealed(credentials, database, f"srv_{number}", org_id)
    first = await rotation.begin(database, credentials, renews_data_keys=False)
    assert (first.keys_left, first.is_continued) == (25, False)
    half = await rotation.step(database, credentials)
    assert (half.rewrapped, half.keys_left) == (20, 5)

    later = opened(database, tmp_path / "secrets")
    assert await all_open(database, opened(database, tmp_path / "secrets").keyring)
    again = await rotation.begin(database, later, renews_data_keys=False)
    assert (again.version, again.keys_left, again.is_continued) == ("local:2", 5, True)
    done = await rotation.step(database, later)
    assert done.is_done
    assert await all_open(database, opened(database, tmp_path / "secrets").keyring)


async def test_two_rotations_at_once_end_well(
    database: Database, credentials: Credentials, tmp_path: Path
) -> None:
    await add_sealed(credentials, database, "srv_a")
    await rotation.begin(database, credentials, renews_data_keys=True)
    other = opened(database, tmp_path / "secrets")
    for _ in range(3):
        await asyncio.gather(rotation.step(database, credentials), rotation.step(database, other))
    assert (await rotation.progress(database, credentials)).is_done
    assert await all_open(database, opened(database, tmp_path / "secrets").keyring)


async def test_another_provider_takes_over(
    database: Database, credentials: Credentials, tmp_path: Path
) -> None:
    await add_sealed(credentials, database, "srv_a")
    with fake_vault() as vault:
        settings = SecretsSettings(provider="vault", vault_url=vault.url, vault_token=vault.token)
        moved = Credentials(database, open_keyring(settings, tmp_path / "secrets"))
        assert await all_open(database, moved.keyring), "what the local key wrapped opens meanwhile"
        begun = await rotation.begin(database, moved, renews_data_keys=False)
        assert (begun.version, begun.is_continued) == ("vault:transit/gatewayops#1", True)
        assert (await rotation.step(database, moved)).is_done
        (tmp_path / "secrets" / "master-1.key").unlink()
        only_vault = Masters("vault", {"vault": lambda: TransitMaster(settings)})
        assert await all_open(database, Keyring(only_vault, before=Sealer(b"x" * 32)))


async def test_a_value_that_no_longer_opens_is_named(database: Database, credentials: Credentials) -> None:
    await credentials.renew(ORG)
    await add_server(database, b"nobody can open this value", "srv_broken")
    await rotation.begin(database, credentials, renews_data_keys=False)
    assert (await rotation.step(database, credentials)).rewrapped == 1
    with pytest.raises(rotation.NoLongerOpens, match="mcp_servers srv_broken"):
        await rotation.step(database, credentials)


async def test_a_data_key_that_was_changed_is_named(database: Database, credentials: Credentials) -> None:
    made = await credentials.renew(ORG)
    other = made.wrapped[:-1] + bytes([made.wrapped[-1] ^ 1])
    async with database.session() as session:
        await session.execute(text("UPDATE data_keys SET wrapped = :w"), {"w": other})
    await rotation.begin(database, credentials, renews_data_keys=False)
    with pytest.raises(rotation.NoLongerOpens, match=made.id):
        await rotation.step(database, credentials)


async def test_without_its_master_key_nothing_is_sealed_or_opened(
    database: Database, credentials: Credentials, tmp_path: Path
) -> None:
    sealed = await credentials.seal(SECRET, org_id=ORG, bound_to=b"a")
    (tmp_path / "secrets" / "master-1.key").unlink()
    later = opened(database, tmp_path / "secrets")
    with pytest.raises(MasterKeyUnavailable):
        await later.open(sealed, org_id=ORG, bound_to=b"a")
    with pytest.raises(MasterKeyUnavailable):
        await later.seal(SECRET, org_id=ORG, bound_to=b"a")
