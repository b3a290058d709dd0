"""People on their way to a provider and back, and who they become: once, whoever is quickest."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from gatewayops.base import clock
from gatewayops.base.errors import Conflict
from gatewayops.store.control import (
    end_user_identities,
    end_users,
    rotation,
    servers,
    sign_in_attempts,
    sign_in_providers,
)
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.control.end_users import EndUser
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.store.control.sign_in_attempts import Left, Whose
from gatewayops.store.control.sign_in_providers import Provider
from gatewayops.store.external_identity import ExternalIdentity
from gatewayops.store.secrets.keyring import key_of
from gatewayops.store.secrets.opening import open_keyring
from gatewayops.store.secrets.settings import SecretsSettings

ORG = "org_default"
EVE = ExternalIdentity("https://idp.example", "7", "eve@example.com", email_verified=True, name="Eve")


@pytest.fixture
async def provider(database: Database, tmp_path: Path) -> Provider:
    spec = ServerSpec("notes", "http://x", 5, 5, 0, 9, allows_private=True, auth="platform_oauth")
    credentials = Credentials(database, open_keyring(SecretsSettings(), tmp_path / "secrets"))
    bound_to = sign_in_providers.binding(ORG, "sip_1")
    found = Provider(
        id="sip_1",
        org_id=ORG,
        server_id="srv_1",
        kind="oidc",
        name="Corp",
        client_id="us",
        created_at=clock.now(),
        issuer=EVE.issuer,
        sealed_secret=await credentials.seal(b"the secret", org_id=ORG, bound_to=bound_to),
        scopes=("openid", "email"),
        allows_sign_up=True,
    )
    async with database.session() as session:
        await servers.add(session, org_id=ORG, server_id="srv_1", spec=spec, headers=Headers())
        await sign_in_providers.add(session, found)
    return found


async def test_of_many_who_come_back_with_one_state_one_is_let_in(
    database: Database, provider: Provider
) -> None:
    whose = Whose(ORG, "srv_1", "b" * 64)
    left = Left(id="sia_1", provider_id="sip_1", request_id="ar_1", nonce="n", sealed_verifier=b"v")
    async with database.session() as session:
        await sign_in_attempts.begin(session, whose, left, state_hash="s" * 64)

    async def use(who: Whose = whose, at: str = "sip_1", state: str = "s" * 64) -> Left | None:
        async with database.session() as session:
            return await sign_in_attempts.use(session, who, provider_id=at, state_hash=state)

    for other in (
        Whose("org_other", "srv_1", "b" * 64),
        Whose(ORG, "srv_2", "b" * 64),
        Whose(ORG, "srv_1", ""),
    ):
        assert await use(other) is None
    assert await use(at="sip_2") is None
    assert await use(state="t" * 64) is None
    found = await asyncio.gather(*(use() for _ in range(20)))
    assert [one for one in found if one is not None] == [left]


async def test_two_who_come_in_at_once_for_the_first_time_are_one_person(
    database: Database, provider: Provider
) -> None:
    async def come() -> EndUser:
        for _ in range(2):
            try:
                async with database.session() as session:
                    return await end_user_identities.admit(session, provider, EVE)
            except Conflict:
                continue
        raise AssertionError

    users = await asyncio.gather(*(come() for _ in range(2)))
    assert len({user.id for user in users}) == 1


async def test_an_identity_is_one_person_s_and_ends_with_them(database: Database, provider: Provider) -> None:
    other = msgspec.structs.replace(EVE, subject="8", email="bob@example.com")
    async with database.session() as session:
        eve = await end_user_identities.admit(session, provider, EVE)
        bob = await end_user_identities.admit(session, provider, other)
    with pytest.raises(Conflict):
        async with database.session() as session:
            await end_user_identities.connect(session, bob, EVE)
    async with database.session() as session:
        await end_users.remove(session, org_id=ORG, ref=eve.id)
    async with database.session() as session:
        assert (await end_user_identities.admit(session, provider, EVE)).id not in (eve.id, bob.id)


async def test_a_subject_that_no_database_keeps_is_refused(database: Database, provider: Provider) -> None:
    for subject in ("", "x" * 256, "1\x00", "\ud800"):
        odd = msgspec.structs.replace(EVE, subject=subject)
        with pytest.raises(end_user_identities.NotAdmitted):
            async with database.session() as session:
                await end_user_identities.admit(session, provider, odd)


async def test_a_secret_is_sealed_anew_when_keys_are_rotated(
    database: Database, provider: Provider, tmp_path: Path
) -> None:
    credentials = Credentials(database, open_keyring(SecretsSettings(), tmp_path / "secrets"))
    now = await rotation.begin(database, credentials, renews_data_keys=True)
    while not now.is_done:
        now = await rotation.step(database, credentials)
    async with database.reading() as session:
        (found,) = await sign_in_providers.offered(session, org_id=ORG, server_id="srv_1")
    assert key_of(found.sealed_secret) != key_of(provider.sealed_secret)
    opened = await credentials.open(found.sealed_secret, org_id=ORG, bound_to=found.bound_to())
    assert opened == b"the secret"
