"""Who an identity provider may bring in, and as whom: the one place that decides it, for every protocol.

A provider speaks for one organisation, and only that organisation's users are looked at. It knows a person by
(provider, subject) for good. The first time, an address leads to a user only if somebody vouches for it; new
users are made only where the organisation wants that, in domains that it has proven to be its own.
"""

import msgspec
from sqlalchemy import select, update

from gatewayops.base import clock
from gatewayops.base.errors import Forbidden, InvalidInput, NotFound, Reason
from gatewayops.base.ids import new_id
from gatewayops.store.control import directory, group_roles, roles, sso_domains
from gatewayops.store.control import rows as row_writes
from gatewayops.store.control.access import Subject
from gatewayops.store.control.database import Session, lock
from gatewayops.store.control.directory import User
from gatewayops.store.control.identity_providers import Provider
from gatewayops.store.control.sso_tables import UserIdentity
from gatewayops.store.external_identity import ExternalIdentity

_ADMISSION = 720_575_963
_PAST = {"synchronize_session": False}


class NotAdmitted(Forbidden):
    """The provider proved who it is, but nobody here is that. The detail may be shown to them."""

    reason = Reason.SIGN_IN_FAILED


class _Found(msgspec.Struct, frozen=True):
    identity: UserIdentity
    user: User


async def admit(session: Session, provider: Provider, who: ExternalIdentity) -> User:
    """The user of the provider's organisation who may come in now. Raises NotAdmitted.

    `who` is verified by the protocol's own module: signature, audience, time, that it answers an attempt of
    this browser. Roles and the team follow the groups, each time.
    """
    await lock(session, _ADMISSION)
    found = await _known(session, provider, who) or await _new(session, provider, who)
    if found.user.disabled_at is not None:
        msg = "this user is disabled; ask an administrator of your organisation"
        raise NotAdmitted(msg)
    user = await _follow_groups(session, provider, who, found)
    await session.flush()
    used = update(UserIdentity).where(
        UserIdentity.org_id == provider.org_id, UserIdentity.id == found.identity.id
    )  # past the audit log, which tells of the session
    await session.execute(used.values(used_at=clock.now(), email=who.email), execution_options=_PAST)
    return user


async def has_admitted(session: Session, provider: Provider) -> bool:
    """Whether anybody has come in by it yet."""
    query = select(UserIdentity.id).where(
        UserIdentity.org_id == provider.org_id, UserIdentity.provider_id == provider.id
    )
    return await session.scalar(query.limit(1)) is not None


async def _known(session: Session, provider: Provider, who: ExternalIdentity) -> _Found | None:
    query = select(UserIdentity).where(
        UserIdentity.org_id == provider.org_id,
        UserIdentity.provider_id == provider.id,
        UserIdentity.issuer == who.issuer,
        UserIdentity.subject == who.subject,
    )
    identity = await session.scalar(query)
    if identity is None:
        return None
    user = await directory.find_user(session, org_id=provider.org_id, ref=identity.user_id)
    return _Found(identity, user)


async def _new(session: Session, provider: Provider, who: ExternalIdentity) -> _Found:
    domain = await sso_domains.of_email(session, who.email)
    is_own_domain = domain is not None and domain.provider_id == provider.id
    if not who.email or not (who.email_verified or (provider.spec.trusts_email and is_own_domain)):
        msg = "your identity provider does not say that your e-mail address is verified"
        raise NotAdmitted(msg)
    if domain is not None and domain.org_id == provider.org_id and not is_own_domain:
        msg = "addresses of your domain sign in at another identity provider of your organisation"
        raise NotAdmitted(msg)
    try:
        user = await directory.find_user(session, org_id=provider.org_id, ref=who.email)
    except InvalidInput:
        user = await _made(session, provider, who, is_own_domain=is_own_domain)
    row = UserIdentity(
        id=new_id("uid"),
        org_id=provider.org_id,
        provider_id=provider.id,
        user_id=user.id,
        issuer=who.issuer,
        subject=who.subject,
        email=who.email,
        team_id="",
        used_at=clock.now(),
    )
    await _check_first(session, provider, user)
    await row_writes.add(session, row, taken="another sign-in of this user came first; try again")
    return _Found(row, user)


async def _check_first(session: Session, provider: Provider, user: User) -> None:
    """An address that went to another person there must not lead to the one before."""
    query = select(UserIdentity.id).where(
        UserIdentity.org_id == provider.org_id,
        UserIdentity.provider_id == provider.id,
        UserIdentity.user_id == user.id,
    )
    if await session.scalar(query) is not None:
        msg = "your address belongs to a user who signs in as somebody else there; ask an administrator"
        raise NotAdmitted(msg)


async def _made(session: Session, provider: Provider, who: ExternalIdentity, *, is_own_domain: bool) -> User:
    spec, org_id = provider.spec, provider.org_id
    if not spec.is_jit or not is_own_domain:
        msg = "there is no user of your address here; ask an administrator of your organisation to invite you"
        raise NotAdmitted(msg)
    try:
        user = await directory.add_user(
            session, org_id=org_id, email=who.email, name=who.name, team=spec.jit_team_id
        )
        if spec.jit_role_id:
            role = await roles.find(session, org_id=org_id, ref=spec.jit_role_id)
            await roles.bind(session, org_id=org_id, role=role, subject=_subject(user))
    except (InvalidInput, NotFound) as error:
        msg = "the role or the team of new users is gone; ask an administrator of your organisation"
        raise NotAdmitted(msg) from error
    return user


async def _follow_groups(session: Session, provider: Provider, who: ExternalIdentity, found: _Found) -> User:
    mappings, subject = provider.spec.group_mappings, _subject(found.user)
    if not mappings and not await group_roles.has_given(session, provider_id=provider.id, subject=subject):
        return found.user
    matched = [mapping for mapping in mappings if mapping.group in who.groups]
    await group_roles.apply(
        session,
        org_id=provider.org_id,
        provider_id=provider.id,
        subject=subject,
        role_ids=[mapping.role_id for mapping in matched if mapping.role_id],
    )
    team_id = next((mapping.team_id for mapping in matched if mapping.team_id), "")
    given, found.identity.team_id = found.identity.team_id, team_id
    if found.user.team_id != given and found.user.team_id:  # a hand moved them
        return found.user
    return await directory.put_in_team(
        session, org_id=provider.org_id, user_id=found.user.id, team_id=team_id
    )


def _subject(user: User) -> Subject:
    return Subject("user", user.id, user.email)
