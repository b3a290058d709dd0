"""Grants: what an end user approved, its authorization code, and the family of tokens that comes of it.

One UPDATE consumes a code or replaces a refresh token, so of any number of uses at once one wins. Whoever
brings a replaced refresh token again within the grace gets the same successor, which was sealed with the
token itself; later it is a replay, and the family ends.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BindParameter, ColumnElement, String, bindparam, exists, insert, or_, select, update
from sqlalchemy import Table as Plain

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.audit_entry import Draft, Target
from gatewayops.store.control import audit, oauth_revocations
from gatewayops.store.control.database import Session
from gatewayops.store.control.oauth_tables import (
    OAuthClient,
    OAuthGrant,
)
from gatewayops.store.control.tables import Table

CODE_LIFE = timedelta(seconds=60)
REFRESH_LIFE = timedelta(days=30)
GRACE = timedelta(seconds=30)
_PAST = {"synchronize_session": False}
# Plain tables: statements of mapped columns are looked at anew at each use.
_TABLES = Table.metadata.tables
_GRANTS, _CODES, _REFRESH_TOKENS = (
    _TABLES[f"oauth_{name}"] for name in ("grants", "codes", "refresh_tokens")
)
_CLIENTS, _PEOPLE = _TABLES["oauth_clients"], _TABLES["end_users"]


def of_grant(table: Plain) -> tuple[Any, ...]:
    """What a statement that consumes tells of the grant (see `taken`), so that no other has to read it.

    Of one table each: SQLite's RETURNING leaves the names of tables out.
    """
    person, scope = (
        select(column).where(_GRANTS.c.id == table.c.grant_id).correlate(table).scalar_subquery()
        for column in (_GRANTS.c.end_user_id, _GRANTS.c.scope)
    )
    named = select(_CLIENTS.c.client_id).where(_CLIENTS.c.id == table.c.client_ref).correlate(table)
    return table.c.grant_id, person, scope, named.scalar_subquery()


def stands(table: Plain) -> ColumnElement[bool]:
    """Its grant is not revoked, and the grant's person and client are not disabled."""
    return (
        exists()
        .where(
            _GRANTS.c.id == table.c.grant_id,
            _GRANTS.c.revoked_at.is_(None),
            _PEOPLE.c.id == _GRANTS.c.end_user_id,
            _PEOPLE.c.disabled_at.is_(None),
            _CLIENTS.c.id == _GRANTS.c.client_ref,
            _CLIENTS.c.disabled_at.is_(None),
        )
        .correlate(table)
    )


_NOW: BindParameter[datetime] = bindparam("now")
_MINE: BindParameter[str] = bindparam("mine")  # the hash of what is presented
_PLACE = {"at_org": "org_id", "at_server": "server_id", "at_client": "client_ref"}


def _is_it(table: Plain) -> tuple[ColumnElement[bool], ...]:
    """What is presented, of this organisation, server and client."""
    return table.c.hash == _MINE, *(table.c[name] == bindparam(given) for given, name in _PLACE.items())


_IS_CODE = (
    *_is_it(_CODES),
    _CODES.c.challenge == bindparam("shown"),
    or_(bindparam("to", type_=String) == "", _CODES.c.redirect_uri == bindparam("to", type_=String)),
)
_TAKE_CODE = (  # statements are built once: that costs more than running them
    update(_CODES)
    .where(*_IS_CODE, _CODES.c.used_at.is_(None), _CODES.c.expires_at > _NOW, stands(_CODES))
    .values(used_at=_NOW)
    .returning(*of_grant(_CODES))
)
_REPLAYED_CODE = select(_CODES.c.grant_id).where(*_IS_CODE, _CODES.c.used_at.is_not(None))
_TAKE_REFRESH = (
    update(_REFRESH_TOKENS)
    .where(
        *_is_it(_REFRESH_TOKENS),
        _REFRESH_TOKENS.c.used_at.is_(None),
        _REFRESH_TOKENS.c.expires_at > _NOW,
        stands(_REFRESH_TOKENS),
    )
    .values(used_at=_NOW, successor_sealed=bindparam("sealed"))
    .returning(*of_grant(_REFRESH_TOKENS))
)
_REPLACED_REFRESH = select(_REFRESH_TOKENS).where(*_is_it(_REFRESH_TOKENS))
_ADD_GRANT, _ADD_CODE, _ADD_REFRESH = insert(_GRANTS), insert(_CODES), insert(_REFRESH_TOKENS)


class Grant(msgspec.Struct, frozen=True):
    """A grant as it is kept; `client_id` is what the client calls itself."""

    id: str
    org_id: str
    server_id: str
    end_user_id: str
    client_ref: str
    client_id: str
    scope: str
    revoked_at: datetime | None


class Approval(msgspec.Struct, frozen=True):
    """What a person, or who vouches for them, said yes to; the last two are of a code."""

    server_id: str
    end_user_id: str
    client_ref: str
    scope: str
    redirect_uri: str = ""
    challenge: str = ""


class CodeUse(msgspec.Struct, frozen=True):
    """What a client shows with a code; an empty `redirect_uri` was not sent."""

    server_id: str
    client_ref: str
    digest: str
    challenge: str
    redirect_uri: str


class Successor(msgspec.Struct, frozen=True):
    """A new refresh token: its hash, and itself sealed with the one it replaces."""

    digest: str
    sealed: bytes


class Rotated(msgspec.Struct, frozen=True):
    """The grant of a refresh token, and the successor that holds: ours, or that of who was quicker."""

    grant: Grant
    successor_sealed: bytes


async def add(session: Session, *, org_id: str, approval: Approval) -> str:
    """A new grant; gives back its id."""
    grant_id = new_id("gr")
    row = {"id": grant_id, "org_id": org_id, "created_at": clock.now(), "revoked_at": None, "revoked_for": ""}
    names = ("server_id", "client_ref", "end_user_id", "scope")
    await session.execute(_ADD_GRANT, row | {name: getattr(approval, name) for name in names})
    return grant_id


async def approve(session: Session, *, org_id: str, approval: Approval, code_digest: str) -> str:
    """A new grant with a code that lives a minute; gives back the grant's id."""
    grant_id = await add(session, org_id=org_id, approval=approval)
    code = {
        "hash": code_digest,
        "org_id": org_id,
        "server_id": approval.server_id,
        "grant_id": grant_id,
        "client_ref": approval.client_ref,
        "redirect_uri": approval.redirect_uri,
        "challenge": approval.challenge,
        "expires_at": clock.now() + CODE_LIFE,
        "used_at": None,
    }
    await session.execute(_ADD_CODE, code)
    return grant_id


async def use_code(session: Session, *, org_id: str, use: CodeUse, refresh_digest: str) -> Grant | None:
    """The grant of a code that is good, used up by this, with its first refresh token; None if it is not.

    A code that comes again from who could prove it ends the grant (RFC 6749, 4.1.2).
    """
    which = {
        "mine": use.digest,
        "at_org": org_id,
        "at_server": use.server_id,
        "at_client": use.client_ref,
        "shown": use.challenge,
        "to": use.redirect_uri,
    }
    found = (await session.execute(_TAKE_CODE, which | {"now": clock.now()})).one_or_none()
    if found is not None:
        grant = taken(found, org_id, use.server_id, use.client_ref)
        await add_refresh(session, grant, refresh_digest)
        return grant
    if (grant_id := await session.scalar(_REPLAYED_CODE, which)) is not None:
        await _revoke(session, org_id, grant_id, reason="code_replay")
    return None


async def use_refresh(
    session: Session, *, server: tuple[str, str], client_ref: str, digest: str, successor: Successor
) -> Rotated | None:
    """The grant of a refresh token that is good, replaced by this; None if it is not. `server` is org and id.

    A token that was replaced longer than the grace ago ends the family.
    """
    now = clock.now()
    org_id, server_id = server
    which = {"mine": digest, "at_org": org_id, "at_server": server_id, "at_client": client_ref}
    taking = which | {"now": now, "sealed": successor.sealed}
    found = (await session.execute(_TAKE_REFRESH, taking)).one_or_none()
    if found is not None:
        grant = taken(found, org_id, server_id, client_ref)
        await add_refresh(session, grant, successor.digest)
        return Rotated(grant, successor.sealed)
    before = (await session.execute(_REPLACED_REFRESH, which)).one_or_none()
    if before is None or before.used_at is None:
        return None
    if now - before.used_at > GRACE:
        await _revoke(session, org_id, before.grant_id, reason="refresh_replay")
        return None
    grant = await _grant(session, org_id, before.grant_id)
    return None if grant.revoked_at is not None else Rotated(grant, before.successor_sealed or b"")


async def of_refresh(session: Session, *, org_id: str, server_id: str, digest: str) -> Grant | None:
    """The grant of a refresh token that would still be taken."""
    query = select(_REFRESH_TOKENS.c.grant_id).where(
        _REFRESH_TOKENS.c.hash == digest,
        _REFRESH_TOKENS.c.org_id == org_id,
        _REFRESH_TOKENS.c.server_id == server_id,
        _REFRESH_TOKENS.c.used_at.is_(None),
        _REFRESH_TOKENS.c.expires_at > clock.now(),
        stands(_REFRESH_TOKENS),
    )
    grant_id = await session.scalar(query)
    return None if grant_id is None else await _grant(session, org_id, grant_id)


async def find(session: Session, *, org_id: str, grant_id: str) -> Grant:
    """Raises NotFound."""
    return await _grant(session, org_id, grant_id)


async def revoke(session: Session, *, org_id: str, grant_id: str, reason: str) -> None:
    """All its tokens end within a second; again is no error. Raises NotFound."""
    await _grant(session, org_id, grant_id)
    await _revoke(session, org_id, grant_id, reason=reason)


async def revoke_all(
    session: Session, *, org_id: str, reason: str, end_user_id: str = "", client_ref: str = ""
) -> None:
    """Of an end user, of a client, or of the two together."""
    ended = update(OAuthGrant).where(OAuthGrant.org_id == org_id, OAuthGrant.revoked_at.is_(None))
    if end_user_id:
        ended = ended.where(OAuthGrant.end_user_id == end_user_id)
    if client_ref:
        ended = ended.where(OAuthGrant.client_ref == client_ref)
    ended = ended.values(revoked_at=clock.now(), revoked_for=reason).returning(OAuthGrant.id)
    ids = (await session.scalars(ended, execution_options=_PAST)).all()
    if end_user_id and not client_ref:
        await oauth_revocations.add(session, org_id=org_id, kind="end_user", subject=end_user_id)
        return
    for grant_id in ids:
        await oauth_revocations.add(session, org_id=org_id, kind="grant", subject=grant_id)


async def _revoke(session: Session, org_id: str, grant_id: str, *, reason: str) -> None:
    ended = update(OAuthGrant).where(OAuthGrant.org_id == org_id, OAuthGrant.id == grant_id)
    ended = ended.where(OAuthGrant.revoked_at.is_(None)).values(revoked_at=clock.now(), revoked_for=reason)
    if await session.scalar(ended.returning(OAuthGrant.id), execution_options=_PAST) is None:
        return
    await oauth_revocations.add(session, org_id=org_id, kind="grant", subject=grant_id)
    origin = session.info["origin"]
    told = Draft(
        action="oauth_grant.revoked",
        actor=origin.actor,
        target=Target("oauth_grant", grant_id),
        reason=reason,
        address=origin.address,
        request_id=origin.request_id,
    )
    audit.note(session, org_id, told)


async def add_refresh(session: Session, grant: Grant, digest: str) -> None:
    """A refresh token of a grant that was just used."""
    token = {
        "hash": digest,
        "org_id": grant.org_id,
        "server_id": grant.server_id,
        "grant_id": grant.id,
        "client_ref": grant.client_ref,
        "expires_at": clock.now() + REFRESH_LIFE,
        "used_at": None,
        "successor_sealed": None,
    }
    await session.execute(_ADD_REFRESH, token)


def taken(found: Sequence[Any], org_id: str, server_id: str, client_ref: str) -> Grant:
    """The grant of which such a statement told."""
    grant_id, end_user_id, scope, client_id = found
    return Grant(grant_id, org_id, server_id, end_user_id, client_ref, client_id, scope, None)


async def _grant(session: Session, org_id: str, grant_id: str) -> Grant:
    query = (
        select(OAuthGrant, OAuthClient.client_id)
        .join(OAuthClient, OAuthClient.id == OAuthGrant.client_ref)
        .where(OAuthGrant.org_id == org_id, OAuthGrant.id == grant_id)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        msg = "no grant of that id"
        raise NotFound(msg)
    return _of(*found)


def _of(row: OAuthGrant, client_id: str) -> Grant:
    fields = {name: getattr(row, name) for name in Grant.__struct_fields__ if name != "client_id"}
    return Grant(client_id=client_id, **fields)
