"""End users of an organisation's protected servers, and the browsers in which they are signed in."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, or_, select, update

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.audit_entry import Draft, Target
from gatewayops.store.control import audit, end_user_links, oauth_grants, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.oauth_tables import EndUser as EndUserTable
from gatewayops.store.control.oauth_tables import EndUserSession
from gatewayops.store.control.paging import Asked, Page, page_of

SLIDING = timedelta(hours=8)
ABSOLUTE = timedelta(days=7)
_TOUCHED_EVERY = timedelta(minutes=1)


class EndUser(msgspec.Struct, frozen=True):
    """A person; the e-mail address is lower case and unique in the organisation."""

    id: str
    org_id: str
    email: str
    name: str
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None
    email_verified_at: datetime | None


class Account(msgspec.Struct, frozen=True):
    """A person with the hash of the password, for signing in only; the hash may be empty."""

    user: EndUser
    password_hash: str


class BrowserSession(msgspec.Struct, frozen=True):
    """A browser that is signed in."""

    id: str
    end_user_id: str
    server_id: str
    address: str
    user_agent: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime


class NewSession(msgspec.Struct, frozen=True):
    """What is known of a browser that signs in; `digest` is the SHA-256 of what its cookie holds."""

    server_id: str
    end_user_id: str
    digest: str
    address: str
    user_agent: str


async def add(
    session: Session, *, org_id: str, email: str, name: str, password_hash: str, is_verified: bool = False
) -> EndUser:
    """Raises Conflict for an address that is taken. `is_verified`: somebody vouches for the address."""
    row = EndUserTable(
        id=new_id("eu"),
        org_id=org_id,
        email=email.lower(),
        name=name,
        password_hash=password_hash,
        disabled_at=None,
        signed_in_at=None,
        email_verified_at=clock.now() if is_verified else None,
    )
    await rows.add(session, row, taken="email: there is an end user of that address")
    return _user(row)


async def account(session: Session, *, org_id: str, email: str) -> Account | None:
    """Who may sign in with this address: nobody who is disabled."""
    query = select(EndUserTable).where(EndUserTable.org_id == org_id, EndUserTable.email == email.lower())
    row = await session.scalar(query.where(EndUserTable.disabled_at.is_(None)))
    return None if row is None else Account(_user(row), row.password_hash)


async def page(session: Session, *, org_id: str, asked: Asked, email: str = "") -> Page[EndUser]:
    """The organisation's end users, newest first; only the one with this address, if one is given."""
    query = select(EndUserTable).where(EndUserTable.org_id == org_id)
    if email:
        query = query.where(EndUserTable.email == email.lower())
    found = await page_of(session, query, EndUserTable, asked)
    return Page(rows=tuple(map(_user, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, ref: str) -> EndUser:
    """By id or e-mail address. Raises NotFound."""
    return _user(await _row(session, org_id, ref))


async def set_password(session: Session, *, org_id: str, ref: str, password_hash: str) -> EndUser:
    """Ends what whoever knew the old one may hold. Raises NotFound."""
    row = await _row(session, org_id, ref)
    row.password_hash = password_hash
    await _end_all(session, row, reason="password")
    return _user(row)


async def verify(session: Session, *, org_id: str, ref: str) -> EndUser:
    """The address is theirs: they came by a link that was mailed there, or the operator says so."""
    row = await _row(session, org_id, ref)
    row.email_verified_at = row.email_verified_at or clock.now()
    return _user(row)


async def hand_over(session: Session, *, org_id: str, ref: str, name: str) -> EndUser:
    """To the owner of the address, which whoever made the account never confirmed; nothing of theirs is left.

    Raises Conflict for an account whose address is confirmed, or that is disabled.
    """
    row = await _row(session, org_id, ref)
    if row.email_verified_at is not None or row.disabled_at is not None:
        msg = "email: somebody confirmed this address"
        raise Conflict(msg)
    row.name, row.password_hash, row.email_verified_at = name, "", clock.now()
    await _end_all(session, row, reason="handed_over")
    return _user(row)


async def disable(session: Session, *, org_id: str, ref: str) -> EndUser:
    """Nothing of theirs works within a second; again is no error. Raises NotFound."""
    row = await _row(session, org_id, ref)
    if row.disabled_at is None:
        row.disabled_at = clock.now()
        await _end_all(session, row, reason="disabled")
    return _user(row)


async def enable(session: Session, *, org_id: str, ref: str) -> EndUser:
    """They may sign in again; what was ended stays so. Raises NotFound."""
    row = await _row(session, org_id, ref)
    row.disabled_at = None
    return _user(row)


async def revoke(session: Session, *, org_id: str, ref: str) -> None:
    """Ends all sessions and grants; the person may sign in again. Raises NotFound."""
    row = await _row(session, org_id, ref)
    await _end_all(session, row, reason="revoked")
    origin = session.info["origin"]
    told = Draft(
        action="end_user.revoked",
        actor=origin.actor,
        target=Target("end_user", row.id, row.email, is_personal=True),
        address=origin.address,
        request_id=origin.request_id,
    )
    audit.note(session, org_id, told)


async def remove(session: Session, *, org_id: str, ref: str) -> None:
    """With all that is theirs; tokens end within a second. Raises NotFound."""
    row = await _row(session, org_id, ref)
    await _end_all(session, row, reason="removed")
    await session.delete(row)


async def begin_session(session: Session, *, org_id: str, new: NewSession) -> None:
    """A browser signed in."""
    now = clock.now()
    row = EndUserSession(
        id=new_id("es"),
        org_id=org_id,
        server_id=new.server_id,
        end_user_id=new.end_user_id,
        hash=new.digest,
        address=new.address,
        user_agent=new.user_agent,
        used_at=now,
        expires_at=now + ABSOLUTE,
        revoked_at=None,
    )
    signed_in = update(EndUserTable).where(EndUserTable.org_id == org_id, EndUserTable.id == new.end_user_id)
    await session.execute(signed_in.values(signed_in_at=now), execution_options=_PAST)
    session.add(row)
    await session.flush()


async def signed_in(
    session: Session, *, org_id: str, server_id: str, digest: str
) -> tuple[EndUser, BrowserSession] | None:
    """Who is signed in at this server in the browser with this cookie."""
    query = (
        select(EndUserTable, EndUserSession)
        .join(EndUserSession, EndUserSession.end_user_id == EndUserTable.id)
        .where(
            EndUserSession.org_id == org_id,
            EndUserSession.server_id == server_id,
            EndUserSession.hash == digest,
            EndUserTable.disabled_at.is_(None),
            *is_live(),
        )
    )
    found = (await session.execute(query)).one_or_none()
    return None if found is None else (_user(found[0]), _session(found[1]))


async def touch(session: Session, known: BrowserSession) -> None:
    """Keeps a session that is in use alive, once a minute."""
    if clock.now() - known.used_at > _TOUCHED_EVERY:
        used = update(EndUserSession).where(EndUserSession.id == known.id).values(used_at=clock.now())
        await session.execute(used, execution_options=_PAST)


async def sessions(session: Session, *, org_id: str, ref: str, asked: Asked) -> Page[BrowserSession]:
    """Live ones of an end user, newest first. Raises NotFound."""
    user = await _row(session, org_id, ref)
    query = select(EndUserSession).where(
        EndUserSession.org_id == org_id, EndUserSession.end_user_id == user.id, *is_live()
    )
    found = await page_of(session, query, EndUserSession, asked)
    return Page(rows=tuple(map(_session, found.rows)), cursor=found.cursor)


async def end_session(session: Session, *, org_id: str, ref: str, session_id: str) -> None:
    """The browser must sign in again; grants go on. Raises NotFound."""
    user = await _row(session, org_id, ref)
    query = select(EndUserSession).where(EndUserSession.org_id == org_id, EndUserSession.id == session_id)
    row = await session.scalar(query.where(EndUserSession.end_user_id == user.id))
    if row is None:
        msg = "no session of that id"
        raise NotFound(msg)
    row.revoked_at = row.revoked_at or clock.now()


_PAST = {
    "synchronize_session": False
}  # the unit of work knows nothing of it, and so neither does the audit log


async def _end_all(session: Session, row: EndUserTable, *, reason: str) -> None:
    """Sessions, grants, and links that were mailed: they would work again when the person is let in again."""
    await end_user_links.end_all(session, org_id=row.org_id, end_user_id=row.id)
    ended = update(EndUserSession).where(EndUserSession.org_id == row.org_id)
    ended = ended.where(EndUserSession.end_user_id == row.id, EndUserSession.revoked_at.is_(None))
    await session.execute(ended.values(revoked_at=clock.now()), execution_options=_PAST)
    await oauth_grants.revoke_all(session, org_id=row.org_id, end_user_id=row.id, reason=reason)


def is_live() -> tuple[ColumnElement[bool], ...]:
    """Of a session that would be let in now."""
    now = clock.now()
    return (
        EndUserSession.revoked_at.is_(None),
        EndUserSession.expires_at > now,
        EndUserSession.used_at > now - SLIDING,
    )


async def _row(session: Session, org_id: str, ref: str) -> EndUserTable:
    is_it = or_(EndUserTable.id == ref, EndUserTable.email == ref.lower())
    row = await session.scalar(select(EndUserTable).where(EndUserTable.org_id == org_id, is_it))
    if row is None:
        msg = "no end user of that id or e-mail address"
        raise NotFound(msg)
    return row


def _user(row: EndUserTable) -> EndUser:
    return EndUser(**{name: getattr(row, name) for name in EndUser.__struct_fields__})


def _session(row: EndUserSession) -> BrowserSession:
    return BrowserSession(**{name: getattr(row, name) for name in BrowserSession.__struct_fields__})
