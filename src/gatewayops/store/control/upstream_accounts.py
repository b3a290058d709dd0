"""Users' own accounts at the MCP servers behind. Tokens come sealed and stay sealed here."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select, update

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import McpServer, User
from gatewayops.store.control.upstream_account_tables import UpstreamAccount as AccountTable
from gatewayops.store.snapshot import UpstreamAccountRow, account_binding

CONNECTED, NEEDS_SIGN_IN = "connected", "needs_sign_in"
_CLAIMED = timedelta(seconds=60)  # so long no other control role renews it
_NOT_AGAIN = timedelta(seconds=30)  # a token that is refused so soon after it was renewed is not renewed
_PAST = {"synchronize_session": False}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account is: the server as it was when it was connected, and its authorization server."""

    url: str
    issuer: str
    token_endpoint: str
    revocation_endpoint: str
    resource: str


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens, each sealed under its own binding; when they end, and when to renew them."""

    access: bytes
    refresh: bytes = b""
    expires_at: datetime | None = None
    renew_at: datetime | None = None


class UpstreamAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account with its tokens sealed."""

    id: str
    org_id: str
    server_id: str
    user_id: str
    client_ref: str
    place: Place
    state: str
    failure: str
    scope: str
    sealed_access: bytes
    sealed_refresh: bytes
    created_at: datetime
    connected_at: datetime
    renewed_at: datetime | None
    expires_at: datetime | None


class Named(msgspec.Struct, frozen=True):
    """An account with the names that people know."""

    account: UpstreamAccount
    server: str
    email: str


def access_binding(org_id: str, account_id: str) -> bytes:
    """What an access token is bound to: gateways open it."""
    return account_binding(org_id, account_id)


def refresh_binding(org_id: str, account_id: str) -> bytes:
    """What a refresh token is bound to: it never leaves the control role."""
    return f"upstream-refresh:{org_id}:{account_id}".encode()


async def id_for(session: Session, *, org_id: str, server_id: str, user_id: str) -> str:
    """The id of the user's account there, or of the one to be made: tokens are sealed under it before."""
    query = select(AccountTable.id).where(AccountTable.org_id == org_id, AccountTable.server_id == server_id)
    return await session.scalar(query.where(AccountTable.user_id == user_id)) or new_id("ua")


async def connect(
    session: Session,
    *,
    whose: tuple[str, str, str, str],
    client_ref: str,
    place: Place,
    scope: str,
    tokens: Sealed,
) -> None:
    """Keeps what a sign-in brought, in place of what was there. `whose`: org, account, server, user."""
    org_id, account_id, server_id, user_id = whose
    row = await session.scalar(
        select(AccountTable).where(AccountTable.org_id == org_id, AccountTable.id == account_id)
    )
    if row is None:
        row = AccountTable(id=account_id, org_id=org_id, server_id=server_id, user_id=user_id)
        session.add(row)
    now = clock.now()
    for name, value in msgspec.structs.asdict(place).items():
        setattr(row, name, value)
    row.client_ref, row.scope, row.state, row.failure = client_ref, scope, CONNECTED, ""
    row.connected_at, row.renewed_at = now, now
    row.sealed_access, row.sealed_refresh = tokens.access, tokens.refresh
    row.expires_at, row.renew_at = tokens.expires_at, tokens.renew_at
    await session.flush()
    await revision.bump(session)


async def renewed(session: Session, known: UpstreamAccount, tokens: Sealed) -> bool:
    """Keeps new tokens, unless the user signed in or left meanwhile; past the audit log."""
    done = update(AccountTable).where(
        AccountTable.org_id == known.org_id,
        AccountTable.id == known.id,
        AccountTable.connected_at == known.connected_at,
    )
    values = {
        "sealed_access": tokens.access,
        "sealed_refresh": tokens.refresh,
        "expires_at": tokens.expires_at,
        "renew_at": tokens.renew_at,
        "renewed_at": clock.now(),
        "failure": "",
    }
    found = await session.execute(done.values(values).returning(AccountTable.id), execution_options=_PAST)
    await revision.bump(session)
    return found.scalar_one_or_none() is not None


async def postponed(session: Session, known: UpstreamAccount, *, why: str, until: datetime) -> None:
    """It could not be renewed now; the tokens stay. Nothing, where the user has signed in anew meanwhile."""
    later = update(AccountTable).where(
        AccountTable.org_id == known.org_id,
        AccountTable.id == known.id,
        AccountTable.connected_at == known.connected_at,
    )
    await session.execute(later.values(failure=why, renew_at=until), execution_options=_PAST)


async def ended(session: Session, known: UpstreamAccount, *, why: str) -> None:
    """Its tokens are no longer good: the user must sign in again; that is in the audit log."""
    row = await session.scalar(
        select(AccountTable).where(AccountTable.org_id == known.org_id, AccountTable.id == known.id)
    )
    if row is None or row.connected_at != known.connected_at:
        return
    row.state, row.failure, row.renew_at, row.expires_at = NEEDS_SIGN_IN, why, None, None
    row.sealed_access, row.sealed_refresh = b"", b""
    await session.flush()
    await revision.bump(session)


async def is_any_due(session: Session) -> bool:
    """Whether `claim_due` would find some."""
    due = select(AccountTable.id).where(AccountTable.renew_at <= clock.now(), AccountTable.state == CONNECTED)
    return await session.scalar(due.limit(1)) is not None


async def claim_due(session: Session, *, limit: int) -> Sequence[UpstreamAccount]:
    """Some that are due, of all organisations; nobody else gets them for a minute."""
    now = clock.now()
    due = select(AccountTable.id).where(AccountTable.renew_at <= now, AccountTable.state == CONNECTED)
    due = due.order_by(AccountTable.renew_at).limit(limit).with_for_update(skip_locked=True)
    taken = update(AccountTable).where(AccountTable.id.in_(due), AccountTable.renew_at <= now)
    found = await session.scalars(
        taken.values(renew_at=now + _CLAIMED).returning(AccountTable), execution_options=_PAST
    )
    return [_account(row) for row in found]


async def refused(session: Session, ids: Sequence[str]) -> None:
    """Servers did not take the tokens of these: they are due now, unless they were just renewed."""
    now = clock.now()
    due = update(AccountTable).where(
        AccountTable.id.in_(ids),
        AccountTable.state == CONNECTED,
        AccountTable.renewed_at < now - _NOT_AGAIN,
    )
    await session.execute(due.values(renew_at=now), execution_options=_PAST)


async def page(session: Session, *, org_id: str, user_id: str, asked: Asked) -> Page[Named]:
    """Of a user, or with an empty `user_id` of everybody in the organisation; newest first."""
    query = select(AccountTable).where(AccountTable.org_id == org_id)
    if user_id:
        query = query.where(AccountTable.user_id == user_id)
    found = await page_of(session, query, AccountTable, asked)
    return Page(rows=tuple(await _named(session, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, account_id: str) -> Named:
    """One. Raises NotFound."""
    query = select(AccountTable).where(AccountTable.org_id == org_id, AccountTable.id == account_id)
    row = await session.scalar(query)
    if row is None:
        msg = "no connection of that id"
        raise NotFound(msg)
    return (await _named(session, [row]))[0]


async def of_user(session: Session, *, org_id: str, server_id: str, user_id: str) -> Named | None:
    """The user's account at a server."""
    query = select(AccountTable).where(AccountTable.org_id == org_id, AccountTable.server_id == server_id)
    row = await session.scalar(query.where(AccountTable.user_id == user_id))
    return None if row is None else (await _named(session, [row]))[0]


async def remove(session: Session, known: UpstreamAccount) -> None:
    """It is gone, with its tokens."""
    row = await session.scalar(
        select(AccountTable).where(AccountTable.org_id == known.org_id, AccountTable.id == known.id)
    )
    if row is not None:
        await session.delete(row)
        await session.flush()
        await revision.bump(session)


async def rows(session: Session) -> tuple[UpstreamAccountRow, ...]:
    """Of all organisations, for gateways: those whose server is where it was when they were connected."""
    query = select(AccountTable, McpServer.url).join(McpServer, McpServer.id == AccountTable.server_id)
    return tuple(
        UpstreamAccountRow(
            id=row.id,
            org_id=row.org_id,
            server_id=row.server_id,
            user_id=row.user_id,
            sealed_token=row.sealed_access if row.url == url else b"",
            expires_at=None if row.expires_at is None else row.expires_at.timestamp(),
        )
        for row, url in await session.execute(query)
    )


async def _named(session: Session, found: Sequence[AccountTable]) -> list[Named]:
    query = (
        select(AccountTable.id, McpServer.name, McpServer.url, User.email)
        .join(McpServer, McpServer.id == AccountTable.server_id)
        .join(User, User.id == AccountTable.user_id)
        .where(AccountTable.id.in_([row.id for row in found]))
    )
    names = {account_id: about for account_id, *about in await session.execute(query)}
    return [_shown(row, *names[row.id]) for row in found]


def _shown(row: AccountTable, server: str, url: str, email: str) -> Named:
    account = _account(row)
    if account.state == CONNECTED and url != row.url:
        why = "the server has another address now"
        account = msgspec.structs.replace(account, state=NEEDS_SIGN_IN, failure=why)
    return Named(account, server, email)


def _account(row: AccountTable) -> UpstreamAccount:
    place = Place(**{name: getattr(row, name) for name in Place.__struct_fields__})
    plain = [name for name in UpstreamAccount.__struct_fields__ if name != "place"]
    return UpstreamAccount(place=place, **{name: getattr(row, name) for name in plain})
