"""Who end users are elsewhere, and who of those that come from there is let in.

A person is known by issuer and subject. An address never makes one person of two: where it is somebody's
already, whoever comes must prove to be that one as well.
"""

from datetime import datetime

import msgspec
from sqlalchemy import select, update

from gatewayops.base import clock
from gatewayops.base.errors import Forbidden, NotFound, Reason
from gatewayops.base.ids import new_id
from gatewayops.store.control import end_users, oauth_clients, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.end_users import EndUser
from gatewayops.store.control.oauth_tables import EndUser as EndUserTable
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.sign_in_providers import Provider
from gatewayops.store.control.sign_in_tables import EndUserIdentity
from gatewayops.store.external_identity import ExternalIdentity

_MAX_ISSUER = 512
_MAX_SUBJECT = 255
_PAST = {"synchronize_session": False}


class NotAdmitted(Forbidden):
    """Somebody proved who they are elsewhere, and may not come in; `why` is one word."""

    reason = Reason.SIGN_IN_FAILED

    def __init__(self, why: str, detail: str) -> None:
        """`detail` is for the person, and names nobody else."""
        super().__init__(detail)
        self.why = why


class AddressTaken(NotAdmitted):
    """The address is that of an end user who came in another way."""

    def __init__(self, user: EndUser, *, has_password: bool) -> None:
        """Whose it is, and whether they can prove it by a password."""
        super().__init__("taken", "There is an account of this e-mail address already.")
        self.user = user
        self.has_password = has_password

    @property
    def is_unproved(self) -> bool:
        """Whoever made the account by a password never showed that the address is theirs."""
        return self.has_password and self.user.email_verified_at is None and self.user.disabled_at is None


class Identity(msgspec.Struct, frozen=True):
    """One that an end user comes in by."""

    id: str
    end_user_id: str
    issuer: str
    subject: str
    email: str
    created_at: datetime
    used_at: datetime


async def admit(session: Session, provider: Provider, who: ExternalIdentity) -> EndUser:
    """Who it is here, made when they come first and that is allowed. Raises NotAdmitted, AddressTaken.

    Raises Conflict when the same person came in at the same moment elsewhere: ask again.
    """
    _check(provider, who)
    query = select(EndUserIdentity.end_user_id).where(
        EndUserIdentity.org_id == provider.org_id,
        EndUserIdentity.issuer == who.issuer,
        EndUserIdentity.subject == who.subject,
    )
    known = await session.scalar(query)
    if known is not None:
        return await _known(session, provider, who, known)
    if not _is_verified(provider, who):
        raise NotAdmitted("unverified", "It names no e-mail address of yours that it has verified.")
    taken = await session.scalar(
        select(EndUserTable).where(EndUserTable.org_id == provider.org_id, EndUserTable.email == who.email)
    )
    if taken is not None:
        known = await session.scalar(query)  # they may have come in elsewhere since we looked
        if known is not None:
            return await _known(session, provider, who, known)
        user = await end_users.find(session, org_id=provider.org_id, ref=taken.id)
        raise AddressTaken(user, has_password=bool(taken.password_hash))
    if not provider.allows_sign_up:
        raise NotAdmitted("closed", "Accounts of this server are made by its operator.")
    user = await end_users.add(
        session, org_id=provider.org_id, email=who.email, name=who.name, password_hash="", is_verified=True
    )
    await connect(session, user, who)
    return user


async def connect(session: Session, user: EndUser, who: ExternalIdentity) -> None:
    """From now on they are the same person; whoever asks has seen proof of both. Raises Conflict."""
    row = EndUserIdentity(
        id=new_id("eui"),
        org_id=user.org_id,
        end_user_id=user.id,
        issuer=who.issuer,
        subject=who.subject,
        email=who.email,
        used_at=clock.now(),
    )
    await rows.add(session, row, taken="this account elsewhere is somebody's already")


async def take_over(session: Session, error: AddressTaken, who: ExternalIdentity) -> EndUser:
    """The account becomes theirs who proved the address; whoever made it keeps nothing that opens it.

    For servers without passwords only: elsewhere they get it by its password, or by a mail that resets it.
    It takes a provider that verified the address: one whose addresses are merely trusted is not enough.
    Raises the error as it came where it is no such account, Conflict when the address was proved meanwhile.
    """
    if not (error.is_unproved and who.email_verified):
        raise error
    org_id, ref = error.user.org_id, error.user.id
    user = await end_users.hand_over(session, org_id=org_id, ref=ref, name=who.name)
    await oauth_clients.withdraw_all(session, org_id=org_id, end_user_id=ref)
    await connect(session, user, who)
    return user


def _check(provider: Provider, who: ExternalIdentity) -> None:
    is_subject = 0 < len(who.subject) <= _MAX_SUBJECT and who.subject.isprintable()
    if len(who.issuer) > _MAX_ISSUER or not is_subject:
        raise NotAdmitted("refused", "It does not say who you are.")
    if not provider.email_domains:
        return
    if not _is_verified(provider, who) or who.email.rpartition("@")[2] not in provider.email_domains:
        raise NotAdmitted("domain", "Only people with an address of certain e-mail domains are let in.")


def _is_verified(provider: Provider, who: ExternalIdentity) -> bool:
    return bool(who.email) and (who.email_verified or provider.trusts_email)


async def page(session: Session, *, org_id: str, ref: str, asked: Asked) -> Page[Identity]:
    """Those of an end user, newest first. Raises NotFound."""
    user = await end_users.find(session, org_id=org_id, ref=ref)
    query = select(EndUserIdentity).where(
        EndUserIdentity.org_id == org_id, EndUserIdentity.end_user_id == user.id
    )
    found = await page_of(session, query, EndUserIdentity, asked)
    return Page(rows=tuple(map(_identity, found.rows)), cursor=found.cursor)


async def remove(session: Session, *, org_id: str, ref: str, identity_id: str) -> None:
    """Nobody comes in by it any more; sessions and tokens end, as they may have begun there.

    Raises NotFound.
    """
    user = await end_users.find(session, org_id=org_id, ref=ref)
    row = await session.scalar(
        select(EndUserIdentity).where(
            EndUserIdentity.org_id == org_id,
            EndUserIdentity.end_user_id == user.id,
            EndUserIdentity.id == identity_id,
        )
    )
    if row is None:
        msg = "no identity of that id"
        raise NotFound(msg)
    await session.delete(row)
    await end_users.revoke(session, org_id=org_id, ref=user.id)


async def _known(session: Session, provider: Provider, who: ExternalIdentity, user_id: str) -> EndUser:
    user = await end_users.find(session, org_id=provider.org_id, ref=user_id)
    if user.disabled_at is not None:
        raise NotAdmitted("disabled", "This account was shut out by the operator of the server.")
    seen = update(EndUserIdentity).where(
        EndUserIdentity.org_id == provider.org_id,
        EndUserIdentity.issuer == who.issuer,
        EndUserIdentity.subject == who.subject,
    )
    await session.execute(seen.values(email=who.email, used_at=clock.now()), execution_options=_PAST)
    return user


def _identity(row: EndUserIdentity) -> Identity:
    return Identity(**{name: getattr(row, name) for name in Identity.__struct_fields__})
