"""Authorization requests between `/authorize` and a person's decision, each in the browser that began it."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, exists, insert, select, update

from gatewayops.base import clock
from gatewayops.base.ids import new_id
from gatewayops.store.control.database import Session
from gatewayops.store.control.end_user_tables import EndUserLink
from gatewayops.store.control.oauth_grant_tables import OAuthDeviceCode, UsedAssertion
from gatewayops.store.control.oauth_tables import (
    EndUserSession,
    OAuthCode,
    OAuthGrant,
    OAuthRefreshToken,
    OAuthRequest,
)
from gatewayops.store.control.sign_in_tables import SignInAttempt
from gatewayops.store.control.tables import Table

LIFE = timedelta(minutes=10)
_ADD_REQUEST = insert(Table.metadata.tables["oauth_requests"])
_KEPT_AFTER = timedelta(days=1)  # codes and tokens, so that a late replay is still known as one


class Wanted(msgspec.Struct, frozen=True):
    """What a client asked for, checked."""

    client_ref: str
    redirect_uri: str
    state: str
    scope: str
    challenge: str
    must_sign_in_after: datetime | None = None
    device_hash: str = ""  # of the device that waits; then there is neither redirect URI nor challenge


class Pending(msgspec.Struct, frozen=True):
    """A request that waits for a person."""

    id: str
    org_id: str
    server_id: str
    wanted: Wanted


async def begin(session: Session, *, org_id: str, server_id: str, browser_digest: str, wanted: Wanted) -> str:
    """Keeps it for ten minutes; gives back its id."""
    request_id = new_id("ar")
    row = {
        "id": request_id,
        "org_id": org_id,
        "server_id": server_id,
        "browser_hash": browser_digest,
        "expires_at": clock.now() + LIFE,
        "finished_at": None,
    }
    await session.execute(_ADD_REQUEST, row | msgspec.structs.asdict(wanted))
    return request_id


async def find(
    session: Session, *, org_id: str, server_id: str, browser_digest: str, request_id: str
) -> Pending | None:
    """One that waits, of this browser at this server."""
    query = select(OAuthRequest).where(
        OAuthRequest.id == request_id,
        OAuthRequest.org_id == org_id,
        OAuthRequest.server_id == server_id,
        OAuthRequest.browser_hash == browser_digest,
        OAuthRequest.finished_at.is_(None),
        OAuthRequest.expires_at > clock.now(),
    )
    row = await session.scalar(query)
    return None if row is None else _pending(row)


async def finish(session: Session, known: Pending) -> bool:
    """True for one of any number who try: a request is answered once."""
    done = update(OAuthRequest).where(OAuthRequest.id == known.id, OAuthRequest.org_id == known.org_id)
    done = done.where(OAuthRequest.finished_at.is_(None)).values(finished_at=clock.now())
    past = {"synchronize_session": False}
    return await session.scalar(done.returning(OAuthRequest.id), execution_options=past) is not None


async def forget_expired(session: Session) -> None:
    """Removes what can no longer be used, of all organisations."""
    now = clock.now()
    await session.execute(delete(OAuthRequest).where(OAuthRequest.expires_at < now))
    await session.execute(delete(OAuthCode).where(OAuthCode.expires_at < now - _KEPT_AFTER))
    await session.execute(delete(OAuthRefreshToken).where(OAuthRefreshToken.expires_at < now - _KEPT_AFTER))
    await session.execute(delete(OAuthDeviceCode).where(OAuthDeviceCode.expires_at < now - _KEPT_AFTER))
    await session.execute(delete(UsedAssertion).where(UsedAssertion.expires_at < now))
    await session.execute(delete(SignInAttempt).where(SignInAttempt.expires_at < now))
    await session.execute(delete(EndUserSession).where(EndUserSession.expires_at < now))
    await session.execute(delete(EndUserLink).where(EndUserLink.expires_at < now))
    has_tokens = exists().where(OAuthRefreshToken.grant_id == OAuthGrant.id)
    is_old = OAuthGrant.created_at < now - _KEPT_AFTER  # younger ones may still wait for their code
    await session.execute(delete(OAuthGrant).where(is_old, ~has_tokens))


def _pending(row: OAuthRequest) -> Pending:
    wanted = Wanted(**{name: getattr(row, name) for name in Wanted.__struct_fields__})
    return Pending(row.id, row.org_id, row.server_id, wanted)
