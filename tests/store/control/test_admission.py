"""Whom a provider may bring in, on both databases: linking, new users, groups, what other tenants claim."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from gatewayops.base.errors import Conflict
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import (
    admission,
    audit,
    directory,
    identity_providers,
    roles,
    sso_attempts,
    sso_domains,
    user_passwords,
    user_sessions,
)
from gatewayops.store.control.access import Subject
from gatewayops.store.control.access_tables import RoleBinding
from gatewayops.store.control.admission import NotAdmitted
from gatewayops.store.control.database import Database
from gatewayops.store.control.directory import DEFAULT_ORG, User
from gatewayops.store.control.identity_providers import GroupMapping, Provider, ProviderSpec
from gatewayops.store.control.sso_attempts import Begun
from gatewayops.store.control.user_sessions import NewSession
from gatewayops.store.external_identity import ExternalIdentity

ADA = ExternalIdentity(
    issuer="https://idp.example.com", subject="1", email="ada@example.com", email_verified=True, name="Ada"
)


async def provider(
    database: Database, name: str = "okta", org_id: str = DEFAULT_ORG, domain: str = "", **more: Any
) -> Provider:
    """One of the organisation's; with a domain, which is verified."""
    spec = ProviderSpec(kind="oidc", name=name, settings={"issuer": ADA.issuer}, **more)
    async with database.session() as session:
        made = await identity_providers.add(
            session, org_id=org_id, provider_id=identity_providers.new_provider_id(), spec=spec
        )
        if domain:
            await sso_domains.add(session, org_id=org_id, provider_id=made.id, domain=domain)
            await sso_domains.verify(session, org_id=org_id, ref=domain, by=sso_domains.BY_MACHINE)
    return made


async def user(database: Database, email: str = ADA.email, org_id: str = DEFAULT_ORG) -> str:
    async with database.session() as session:
        return (await directory.add_user(session, org_id=org_id, email=email)).id


async def admit(database: Database, by: Provider, who: ExternalIdentity = ADA, **changes: Any) -> User:
    async with database.session() as session:
        return await admission.admit(session, by, msgspec.structs.replace(who, **changes))


async def change(database: Database, known: Provider, **columns: Any) -> None:
    async with database.session() as session:
        await identity_providers.change(session, org_id=known.org_id, provider_id=known.id, columns=columns)


async def held(database: Database, user_id: str) -> set[tuple[str, str]]:
    """The roles of a user, and who gave them."""
    async with database.reading() as session:
        query = select(RoleBinding).where(RoleBinding.subject_id == user_id)
        return {(row.role_id, row.given_by) for row in await session.scalars(query)}


async def test_a_verified_address_leads_to_its_user_and_from_then_on_the_subject_does(
    database: Database,
) -> None:
    ada, okta = await user(database), await provider(database)
    assert (await admit(database, okta)).id == ada
    renamed = await admit(database, okta, email="ada.king@example.com", email_verified=False)
    assert (renamed.id, renamed.email) == (ada, "ada@example.com")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"email_verified": False}, id="nobody vouches for the address"),
        pytest.param({"email": ""}, id="no address"),
        pytest.param({"email": "eve@example.com"}, id="no such user"),
    ],
)
async def test_nobody_comes_in_by_an_address_that_proves_nothing(
    database: Database, changes: dict[str, Any]
) -> None:
    await user(database)
    with pytest.raises(NotAdmitted):
        await admit(database, await provider(database), **changes)


async def test_an_address_that_went_to_another_person_does_not_lead_to_the_one_before(
    database: Database,
) -> None:
    ada, okta = await user(database), await provider(database)
    await admit(database, okta)
    with pytest.raises(NotAdmitted, match="somebody else"):
        await admit(database, okta, subject="2")
    assert (await admit(database, okta)).id == ada


async def test_a_provider_of_one_organisation_never_yields_a_user_of_another(database: Database) -> None:
    await user(database, org_id="org_other")
    mine = await provider(database, is_jit=True)
    await provider(database, org_id="org_other", domain="example.com")
    with pytest.raises(NotAdmitted):
        await admit(database, mine)
    ada = await user(database)  # of the same address, here
    assert (await admit(database, mine)).id == ada


async def test_of_two_providers_the_one_that_has_the_domain_speaks_for_its_addresses(
    database: Database,
) -> None:
    await user(database)
    okta = await provider(database, domain="example.com")
    other = await provider(database, "github")
    with pytest.raises(NotAdmitted, match="another identity provider"):
        await admit(database, other)
    assert (await admit(database, okta)).email == ADA.email


async def test_an_address_without_a_word_on_it_counts_where_the_domain_and_the_trust_are_the_providers_own(
    database: Database,
) -> None:
    ada = await user(database)
    await user(database, "eve@elsewhere.example")
    entra = await provider(database, domain="example.com", trusts_email=True)
    assert (await admit(database, entra, email_verified=False)).id == ada
    with pytest.raises(NotAdmitted):
        await admit(database, entra, subject="2", email="eve@elsewhere.example", email_verified=False)


async def test_new_users_are_made_in_the_providers_own_domains_only_where_that_is_on(
    database: Database,
) -> None:
    off = await provider(database, "off", domain="off.example")
    with pytest.raises(NotAdmitted):
        await admit(database, off, email="ada@off.example")
    jit = await provider(database, "on", domain="example.com", is_jit=True, jit_role_id="role_viewer")
    made = await admit(database, jit)
    assert (made.email, made.name, await held(database, made.id)) == (
        "ada@example.com",
        "Ada",
        {("role_viewer", "")},
    )
    with pytest.raises(NotAdmitted):
        await admit(database, jit, subject="3", email="eve@elsewhere.example")


async def test_where_somebody_came_in_by_a_provider_nobody_becomes_the_first_administrator(
    database: Database,
) -> None:
    async with database.reading() as session:
        assert not await user_passwords.is_any(session)
    await admit(database, await provider(database, domain="example.com", is_jit=True))
    async with database.reading() as session:
        assert await user_passwords.is_any(session)


async def test_who_is_disabled_stays_out(database: Database) -> None:
    ada, okta = await user(database), await provider(database)
    await admit(database, okta)
    async with database.session() as session:
        await directory.disable_user(session, org_id=DEFAULT_ORG, user_id=ada, is_disabled=True)
    with pytest.raises(NotAdmitted, match="disabled"):
        await admit(database, okta)


async def test_groups_give_roles_and_a_team_and_take_back_only_what_they_gave(database: Database) -> None:
    ada = await user(database)
    async with database.session() as session:
        team = await directory.add_team(session, org_id=DEFAULT_ORG, name="platform")
        viewer = await roles.find(session, org_id=DEFAULT_ORG, ref="viewer")
        await roles.bind(session, org_id=DEFAULT_ORG, role=viewer, subject=Subject("user", ada, ADA.email))
    mapped = (
        GroupMapping("devs", role_id="role_developer", team_id=team.id),
        GroupMapping("readers", role_id="role_viewer"),
        GroupMapping("gone", role_id="role_that_was_removed"),
    )
    okta = await provider(database, group_mappings=mapped)
    by_hand, by_group = ("role_viewer", ""), ("role_developer", okta.id)

    came = await admit(database, okta, groups=("devs", "readers", "gone", "unmapped"))
    assert (came.team_id, await held(database, ada)) == (team.id, {by_hand, by_group})
    left = await admit(database, okta, groups=())
    assert (left.team_id, await held(database, ada)) == ("", {by_hand, ("role_none", okta.id)})
    async with database.session() as session:
        other = await directory.add_team(session, org_id=DEFAULT_ORG, name="other")
        await directory.put_in_team(session, org_id=DEFAULT_ORG, user_id=ada, team_id=other.id)
    moved = await admit(database, okta, groups=("devs",))
    assert (moved.team_id, await held(database, ada)) == (other.id, {by_hand, by_group})


async def test_a_provider_that_goes_takes_its_roles_and_sessions_along_and_leaves_no_key_freer(
    database: Database,
) -> None:
    ada = await user(database)
    mapped = (GroupMapping("devs", role_id="role_developer"),)
    okta = await provider(database, group_mappings=mapped)
    await admit(database, okta, groups=("devs",))
    async with database.session() as session:
        for name, by in (("of-okta", okta.id), ("of-a-password", "")):
            new = NewSession(DEFAULT_ORG, ada, name, "::1", "curl", provider_id=by)
            await user_sessions.begin(session, new)
    async with database.session() as session:
        await identity_providers.remove(session, org_id=DEFAULT_ORG, ref="okta")
    async with database.reading() as session:
        assert await user_sessions.of_hash(session, "of-okta") is None
        assert await user_sessions.of_hash(session, "of-a-password") is not None
    assert await held(database, ada) == {("role_none", "")}
    with pytest.raises(NotAdmitted):  # its identities are gone: only a verified address leads here again
        await admit(database, await provider(database), email_verified=False)


async def test_two_first_sign_ins_at_once_make_one_user(database: Database) -> None:
    jit = await provider(database, domain="example.com", is_jit=True)
    made = await asyncio.gather(*(admit(database, jit) for _ in range(4)))
    assert len({one.id for one in made}) == 1


async def test_a_domain_is_of_the_organisation_that_verified_it_and_claims_block_nobody(
    database: Database,
) -> None:
    theirs = await provider(database, org_id="org_other")
    async with database.session() as session:
        await sso_domains.add(session, org_id="org_other", provider_id=theirs.id, domain="Example.com")
    mine = await provider(database, domain="example.com")
    async with database.reading() as session:
        assert await sso_domains.leads_to(session, "ada@EXAMPLE.com") == mine.id
        assert await sso_domains.leads_to(session, "ada@sub.example.com") == ""
    with pytest.raises(Conflict, match="another organisation"):
        async with database.session() as session:
            await sso_domains.verify(session, org_id="org_other", ref="example.com", by="document")


async def test_an_attempt_is_finished_once_in_the_browser_that_began_it(database: Database) -> None:
    okta, other = await provider(database), await provider(database, "other")
    begun = Begun(org_id=DEFAULT_ORG, provider_id=okta.id, browser_hash="b", nonce="n", return_to="/x")
    async with database.session() as session:
        await sso_attempts.begin(session, begun, state_hash="s")

    async def use(provider_id: str = okta.id, state: str = "s", browser: str = "b") -> Begun | None:
        async with database.session() as session:
            return await sso_attempts.use(
                session, provider_id=provider_id, state_hash=state, browser_hash=browser
            )

    assert await use(browser="another") is None
    assert await use(provider_id=other.id) is None
    assert await use(state="guessed") is None
    done = await asyncio.gather(*(use() for _ in range(8)))
    assert [one for one in done if one is not None] == [begun]


async def test_required_single_sign_on_shuts_passwords_but_for_break_glass(database: Database) -> None:
    ada, root = await user(database), await user(database, "root@example.com")
    okta = await provider(database)
    async with database.session() as session:
        await directory.set_break_glass(session, org_id=DEFAULT_ORG, user_id=root, is_break_glass=True)
        for who in (ada, root):
            await user_sessions.begin(session, NewSession(DEFAULT_ORG, who, f"of-{who}", "::1", "curl"))
    async with database.session() as session:
        await identity_providers.change(
            session, org_id=DEFAULT_ORG, provider_id=okta.id, columns={"is_sso_required": True}
        )
        shuts = identity_providers.shuts_passwords
        assert await shuts(session, org_id=DEFAULT_ORG, user_id=ada)
        assert not await shuts(session, org_id=DEFAULT_ORG, user_id=root)
    async with database.reading() as session:
        assert await user_sessions.of_hash(session, f"of-{ada}") is None
        assert await user_sessions.of_hash(session, f"of-{root}") is not None


async def test_a_required_provider_that_was_off_shuts_passwords_again_and_ends_what_began_meanwhile(
    database: Database,
) -> None:
    ada, okta = await user(database), await provider(database, is_sso_required=True, is_enabled=False)
    async with database.session() as session:
        await user_sessions.begin(session, NewSession(DEFAULT_ORG, ada, "meanwhile", "::1", "curl"))
    await change(database, okta, is_sso_required=True)  # still off: passwords count
    async with database.reading() as session:
        assert await user_sessions.of_hash(session, "meanwhile") is not None
    await change(database, okta, is_enabled=True)
    async with database.reading() as session:
        assert await user_sessions.of_hash(session, "meanwhile") is None


@pytest.mark.parametrize(
    ("by_provider", "columns"),
    [
        pytest.param(True, {"is_enabled": False}, id="the provider goes"),
        pytest.param(False, {"is_sso_required": True}, id="a provider is required"),
    ],
)
async def test_a_session_that_begins_while_what_allows_it_goes_ends_with_it(
    database: Database, by_provider: bool, columns: dict[str, Any]
) -> None:
    ada, okta = await user(database), await provider(database)
    by = okta.id if by_provider else ""
    async with database.session() as session:
        at = {"org_id": DEFAULT_ORG, "user_id": ada}
        assert await identity_providers.vouches(session, provider_id=by, **at)
        going = asyncio.create_task(change(database, okta, **columns))
        await asyncio.wait([going], timeout=0.3)
        await user_sessions.begin(session, NewSession(DEFAULT_ORG, ada, "h", "::1", "curl", provider_id=by))
    await going
    async with database.reading() as session:
        assert await user_sessions.of_hash(session, "h") is None


async def test_an_odd_address_leads_nowhere(database: Database) -> None:
    await provider(database, domain="example.com")
    async with database.reading() as session:
        for email in ("", "ada", "ada@exam\0ple.com", "\0", "ada@\ud800"):
            assert await sso_domains.leads_to(session, email) == ""


async def test_a_subject_that_is_an_address_goes_from_the_audit_log_with_the_person(
    database: Database,
) -> None:
    await user(database)
    await admit(database, await provider(database), subject=ADA.email)  # as many SAML providers name people
    async with database.session() as session:
        await audit.erase(session, org_id=DEFAULT_ORG, subject=ADA.email, actor=Actor("admin", "local"))
    async with database.reading() as session:
        told = await audit.rows(session, org_id=DEFAULT_ORG, first=1, last=100, limit=100)
    assert [row.body for row in told if ADA.email.encode() in row.body] == []


async def test_a_mapping_that_goes_takes_its_role_from_everybody_at_once(database: Database) -> None:
    ada = await user(database)
    devs, readers = GroupMapping("devs", role_id="role_admin"), GroupMapping("readers", role_id="role_viewer")
    okta = await provider(database, group_mappings=(devs, readers))
    await admit(database, okta, groups=("devs", "readers"))
    await change(database, okta, group_mappings=(readers,))
    assert await held(database, ada) == {("role_viewer", okta.id), ("role_none", okta.id)}


async def test_settings_that_two_change_at_once_are_both_kept(database: Database) -> None:
    okta = await provider(database)

    async def change(settings: dict[str, Any]) -> None:
        columns = {"settings": settings}
        async with database.session() as session:
            await identity_providers.change(session, org_id=DEFAULT_ORG, provider_id=okta.id, columns=columns)

    for turn in range(5):
        await asyncio.gather(change({"groups_claim": f"g{turn}"}), change({"scopes": [f"s{turn}"]}))
        async with database.reading() as session:
            kept = (await identity_providers.find(session, org_id=DEFAULT_ORG, ref=okta.id)).spec.settings
        assert kept == okta.spec.settings | {"groups_claim": f"g{turn}", "scopes": [f"s{turn}"]}
