"""What a one-time link leads to: joining an organisation, a new password, the first administrator.

The link is used up in the transaction that does what it was for, so a refusal leaves it as it was.
"""

import msgspec
from fastapi import Request

from gatewayops.api.accounts import Accounts
from gatewayops.api.audit_trail import enter_as
from gatewayops.api.second_factor import Who
from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.identity.passwords import check_new
from gatewayops.identity.user_tokens import hash_of
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import directory, identity_providers, one_time_links, roles, user_passwords
from gatewayops.store.control.access import Subject
from gatewayops.store.control.database import Database, Session, lock
from gatewayops.store.control.directory import User
from gatewayops.store.control.one_time_links import FIRST_ADMIN, INVITATION, RESET, Link
from gatewayops.store.control.user_sessions import SignedIn
from gatewayops.store.predefined_roles import ADMIN

_FIRST = 720_575_960


class Joining(msgspec.Struct, frozen=True):
    """What somebody chose who came by a link: a password, or that of `keeps`, the account signed in here."""

    token: str
    password: str
    name: str = ""
    email: str = ""  # the first administrator's; otherwise the link says it
    keeps: SignedIn | None = None


async def peek(database: Database, kind: str, token: str) -> Link:
    """The link, which still works. Raises InvalidInput."""
    async with database.reading() as session:
        link = await one_time_links.peek(session, kind=kind, link_hash=hash_of(token))
    if link is None:
        msg = "token: this link was used, has expired, or was never made; ask for a new one"
        raise InvalidInput(msg)
    return link


async def accept(request: Request, database: Database, accounts: Accounts, given: Joining) -> Who:
    """By invitation: the user, their role, their password. Raises InvalidInput, TooMany."""
    link = await peek(database, INVITATION, given.token)
    enter_as(request, Actor("user", "", link.email))
    if given.keeps is not None:
        hashed = await _kept(database, link, given.keeps)
    else:
        check_new(given.password, email=link.email)
        hashed = await accounts.passwords.hash(given.password)
    async with database.session() as session:
        link = await one_time_links.use(session, kind=INVITATION, link_hash=hash_of(given.token))
        who = await _member(session, link, email=link.email, name=given.name)
        await _check_password_counts(session, who)
        if link.role_id:
            await _bind(session, who, link.role_id)
        await accounts.put_password(session, who=who, hashed=hashed, is_by_mail=True)
    return who


async def begin(request: Request, database: Database, accounts: Accounts, given: Joining) -> Who:
    """The first administrator; there is none once anybody can sign in. Raises InvalidInput, TooMany."""
    await peek(database, FIRST_ADMIN, given.token)
    check_new(given.password, email=given.email)
    enter_as(request, Actor("user", "", given.email))
    hashed = await accounts.passwords.hash(given.password)
    async with database.session() as session:
        await lock(session, _FIRST)
        link = await one_time_links.use(session, kind=FIRST_ADMIN, link_hash=hash_of(given.token))
        if await user_passwords.is_any(session):
            msg = "token: somebody can sign in already; ask them for an invitation"
            raise InvalidInput(msg)
        who = await _member(session, link, email=given.email, name=given.name)
        await _bind(session, who, ADMIN.id)
        await accounts.put_password(session, who=who, hashed=hashed)
    return who


async def reset(request: Request, database: Database, accounts: Accounts, given: Joining) -> None:
    """A new password; all sessions of the user end. Raises InvalidInput, TooMany."""
    link = await peek(database, RESET, given.token)
    check_new(given.password, email=link.email)
    enter_as(request, Actor("user", "", link.email))
    hashed = await accounts.passwords.hash(given.password)
    async with database.session() as session:
        link = await one_time_links.use(session, kind=RESET, link_hash=hash_of(given.token))
        user = await directory.find_user(session, org_id=link.org_id, ref=link.email, field="token")
        _check_enabled(user)
        who = Who(link.org_id, user.id, user.email)
        await _check_password_counts(session, who)
        await accounts.put_password(session, who=who, hashed=hashed, is_by_mail=True)


async def keeps_own(database: Database, link: Link, known: SignedIn | None) -> bool:
    """Whether who is signed in may join with the password that they have."""
    if known is None or known.email != link.email:
        return False
    at = {"org_id": known.session.org_id, "user_id": known.session.user_id}
    async with database.reading() as session:
        return await user_passwords.is_by_mail(session, **at)


async def _kept(database: Database, link: Link, known: SignedIn) -> str:
    """The hash of the password that they have. Not of one that an administrator gave: who knows that one
    would come along into the other organisation.
    """
    if not await keeps_own(database, link, known):
        msg = f"keeps_password: sign in as {link.email}, with a password chosen by a link; or choose one"
        raise InvalidInput(msg)
    at = {"org_id": known.session.org_id, "user_id": known.session.user_id}
    async with database.reading() as session:
        account = await user_passwords.of_user(session, **at)
    assert account is not None
    return account.password_hash


async def _member(session: Session, link: Link, *, email: str, name: str) -> Who:
    """The user of that address, made now when there is none yet."""
    try:
        user = await directory.find_user(session, org_id=link.org_id, ref=email)
    except InvalidInput:
        user = await directory.add_user(
            session, org_id=link.org_id, email=email, name=name, team=link.team_id
        )
    _check_enabled(user)
    return Who(link.org_id, user.id, user.email)


async def _check_password_counts(session: Session, who: Who) -> None:
    if await identity_providers.shuts_passwords(session, org_id=who.org_id, user_id=who.user_id):
        msg = "token: your organisation signs in at its identity provider, without passwords; go to /sign-in"
        raise InvalidInput(msg)


def _check_enabled(user: User) -> None:
    if user.disabled_at is not None:
        msg = "token: this user is disabled; ask an administrator"
        raise InvalidInput(msg)


async def _bind(session: Session, who: Who, role_id: str) -> None:
    try:
        role = await roles.find(session, org_id=who.org_id, ref=role_id)
    except NotFound as error:
        msg = "token: the role of this invitation is gone; ask for a new invitation"
        raise InvalidInput(msg) from error
    await roles.bind(session, org_id=who.org_id, role=role, subject=Subject("user", who.user_id, who.email))
