"""SAML assertions count once, in any process and after any restart."""

import asyncio
from datetime import timedelta

from gatewayops.base import clock
from gatewayops.store.control import identity_providers, saml_assertions
from gatewayops.store.control.database import Database
from gatewayops.store.control.identity_providers import ProviderSpec

ORG = "org_default"


async def provider(database: Database, name: str) -> str:
    provider_id = identity_providers.new_provider_id()
    spec = ProviderSpec(kind="saml", name=name, settings={})
    async with database.session() as session:
        await identity_providers.add(session, org_id=ORG, provider_id=provider_id, spec=spec)
    return provider_id


async def use(database: Database, provider_id: str, *, minutes: int = 5) -> bool:
    async with database.session() as session:
        return await saml_assertions.use(
            session,
            org_id=ORG,
            provider_id=provider_id,
            assertion_id="_a1",
            until=clock.now() + timedelta(minutes=minutes),
        )


async def test_one_of_many_at_once_is_the_first(database: Database) -> None:
    okta = await provider(database, "okta")
    assert sum(await asyncio.gather(*(use(database, okta) for _ in range(10)))) == 1


async def test_a_restart_forgets_none(database: Database, migrated_url: str) -> None:
    okta = await provider(database, "okta")
    assert await use(database, okta)
    started_anew = Database.open(migrated_url)
    try:
        assert not await use(started_anew, okta)
    finally:
        await started_anew.close()


async def test_ids_of_two_providers_have_nothing_to_do_with_each_other(database: Database) -> None:
    assert await use(database, await provider(database, "okta"))
    assert await use(database, await provider(database, "entra"))


async def test_what_no_longer_counts_anyway_is_forgotten(database: Database) -> None:
    okta = await provider(database, "okta")
    assert await use(database, okta, minutes=-2)
    assert await use(database, okta)


async def test_one_that_ends_just_now_comes_only_once_all_the_same(database: Database) -> None:
    okta = await provider(database, "okta")
    assert await use(database, okta, minutes=0)
    assert not await use(database, okta, minutes=0)
