"""The keys that sign an organisation's access tokens: one signs, the next is known before it does, and those
retired are known until the last token that they signed has expired. Private parts are sealed by the caller.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, and_, delete, or_, select

from gatewayops.base import clock
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision
from gatewayops.store.control.database import Session, lock
from gatewayops.store.control.oauth_tables import OAuthSigningKey

KEPT_AFTER = timedelta(hours=2)  # tokens live 15 minutes, copies of the key set 10, clocks differ by one
_ROTATION = 720_575_950


class NewKey(msgspec.Struct, frozen=True):
    """A key pair: the public part as a JWK without `kid`, the private one sealed under `key_binding`."""

    id: str
    public_jwk: dict[str, str]
    private_sealed: bytes


class SigningKey(msgspec.Struct, frozen=True):
    """A key as it is kept; `state` is next, active or retired."""

    id: str
    org_id: str
    state: str
    public_jwk: dict[str, str]
    private_sealed: bytes
    since: datetime


def new_key_id() -> str:
    """Private parts are sealed for an id, so the id comes first."""
    return new_id("kid")


def key_binding(org_id: str, key_id: str) -> bytes:
    """The additional data under which a private key is sealed."""
    return f"oauth_signing_key:{org_id}:{key_id}".encode()


async def known(session: Session, *, org_id: str) -> tuple[SigningKey, ...]:
    """What an organisation's key set shows: active first, then next, then retired."""
    query = select(OAuthSigningKey).where(OAuthSigningKey.org_id == org_id, _is_known())
    return tuple(_key(row) for row in await session.scalars(query.order_by(OAuthSigningKey.state)))


async def every(session: Session) -> tuple[SigningKey, ...]:
    """Of all organisations, for gateways."""
    query = select(OAuthSigningKey).where(_is_known()).order_by(OAuthSigningKey.id)
    return tuple(_key(row) for row in await session.scalars(query))


async def begin(session: Session, *, org_id: str, active: NewKey, following: NewKey) -> bool:
    """The organisation's first two keys; False when another process was quicker."""
    await lock(session, _ROTATION)
    if await session.scalar(select(OAuthSigningKey.id).where(OAuthSigningKey.org_id == org_id).limit(1)):
        return False
    _add(session, org_id, active, "active")
    _add(session, org_id, following, "next")
    await session.flush()
    await revision.bump(session)
    return True


async def rotate(session: Session, *, org_id: str, following: NewKey) -> None:
    """The next key signs from now on, `following` comes after it, and the active one retires."""
    await lock(session, _ROTATION)
    query = select(OAuthSigningKey).where(OAuthSigningKey.org_id == org_id)
    for row in await session.scalars(query.where(OAuthSigningKey.state != "retired")):
        row.state = "retired" if row.state == "active" else "active"
        row.since = clock.now()
    _add(session, org_id, following, "next")
    gone = and_(OAuthSigningKey.state == "retired", OAuthSigningKey.since < clock.now() - KEPT_AFTER)
    await session.flush()
    await session.execute(delete(OAuthSigningKey).where(OAuthSigningKey.org_id == org_id, gone))
    await revision.bump(session)


async def due(session: Session, *, older_than: timedelta) -> tuple[str, ...]:
    """Organisations whose active key has signed for longer than that."""
    query = select(OAuthSigningKey.org_id).where(
        OAuthSigningKey.state == "active", OAuthSigningKey.since < clock.now() - older_than
    )
    return tuple(await session.scalars(query))


def _is_known() -> ColumnElement[bool]:
    is_fresh = OAuthSigningKey.since > clock.now() - KEPT_AFTER
    return or_(OAuthSigningKey.state != "retired", is_fresh)


def _add(session: Session, org_id: str, key: NewKey, state: str) -> None:
    session.add(OAuthSigningKey(org_id=org_id, state=state, since=clock.now(), **msgspec.structs.asdict(key)))


def _key(row: OAuthSigningKey) -> SigningKey:
    return SigningKey(**{name: getattr(row, name) for name in SigningKey.__struct_fields__})
