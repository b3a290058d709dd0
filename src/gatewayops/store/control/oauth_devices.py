"""Devices that wait for a person (RFC 8628): their codes, the approval, and how often they ask.

One UPDATE approves a device, and one uses its code up, so of any number of uses at once one wins.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import bindparam, insert, select, update

from gatewayops.base import clock
from gatewayops.store.control import oauth_grants
from gatewayops.store.control.database import Session
from gatewayops.store.control.oauth_grant_tables import OAuthDeviceCode
from gatewayops.store.control.oauth_grants import Approval, Grant
from gatewayops.store.control.tables import Table

LIFE = timedelta(minutes=10)
INTERVAL_S = 5
_SLOWER_S = 5
_LONGEST_S = 60
_EARLY_S = 0.5  # what a network may take off an interval
_CODES = Table.metadata.tables["oauth_device_codes"]
_PAST = {"synchronize_session": False}

Waiting = Literal["authorization_pending", "slow_down", "access_denied", "expired_token", "invalid_grant"]


class NewDevice(msgspec.Struct, frozen=True):
    """What a client asked for, with the hashes of both codes."""

    hash: str
    user_code_hash: str
    server_id: str
    client_ref: str
    scope: str


class Device(msgspec.Struct, frozen=True):
    """A device that waits for a person's answer."""

    hash: str
    client_ref: str
    scope: str


class DeviceUse(msgspec.Struct, frozen=True):
    """Who asks with which code, and the refresh token that it would get."""

    server_id: str
    client_ref: str
    digest: str
    refresh_digest: str


_TAKE = (
    update(_CODES)
    .where(
        _CODES.c.hash == bindparam("mine"),
        _CODES.c.org_id == bindparam("at_org"),
        _CODES.c.server_id == bindparam("at_server"),
        _CODES.c.client_ref == bindparam("at_client"),
        _CODES.c.used_at.is_(None),
        _CODES.c.expires_at > bindparam("now"),
        oauth_grants.stands(_CODES),
    )
    .values(used_at=bindparam("now"))
    .returning(*oauth_grants.of_grant(_CODES))
)


async def begin(session: Session, *, org_id: str, new: NewDevice) -> None:
    """It waits for ten minutes. Raises Conflict, on commit, when another has this user code."""
    row = msgspec.structs.asdict(new) | {"org_id": org_id, "interval_s": INTERVAL_S}
    row |= dict.fromkeys(("grant_id", "polled_at", "denied_at", "used_at"))
    await session.execute(insert(_CODES), row | {"expires_at": clock.now() + LIFE})


async def waiting(session: Session, *, org_id: str, server_id: str, user_code_hash: str) -> Device | None:
    """The device with this code on its screen, that nobody has answered yet."""
    query = select(OAuthDeviceCode).where(
        OAuthDeviceCode.org_id == org_id,
        OAuthDeviceCode.server_id == server_id,
        OAuthDeviceCode.user_code_hash == user_code_hash,
        OAuthDeviceCode.grant_id.is_(None),
        OAuthDeviceCode.denied_at.is_(None),
        OAuthDeviceCode.expires_at > clock.now(),
    )
    row = await session.scalar(query)
    return None if row is None else Device(row.hash, row.client_ref, row.scope)


async def approve(session: Session, *, org_id: str, device_hash: str, approval: Approval) -> bool:
    """The device gets a grant. False when it was answered already, or has run out."""
    grant_id = await oauth_grants.add(session, org_id=org_id, approval=approval)
    return await _answer(session, org_id, device_hash, {"grant_id": grant_id})


async def deny(session: Session, *, org_id: str, device_hash: str) -> None:
    """The person said no; the device is told when it asks."""
    await _answer(session, org_id, device_hash, {"denied_at": clock.now()})


async def use(session: Session, *, org_id: str, use: DeviceUse) -> Grant | Waiting:
    """The grant, with its first refresh token, for who asks first after the approval; else what to tell.

    A code that comes again ends its grant, as an authorization code does.
    """
    now = clock.now()
    which = {
        "mine": use.digest,
        "at_org": org_id,
        "at_server": use.server_id,
        "at_client": use.client_ref,
    }
    found = (await session.execute(_TAKE, which | {"now": now})).one_or_none()
    if found is not None:
        grant = oauth_grants.taken(found, org_id, use.server_id, use.client_ref)
        await oauth_grants.add_refresh(session, grant, use.refresh_digest)
        return grant
    query = select(OAuthDeviceCode).where(
        OAuthDeviceCode.hash == use.digest,
        OAuthDeviceCode.org_id == org_id,
        OAuthDeviceCode.server_id == use.server_id,
        OAuthDeviceCode.client_ref == use.client_ref,
    )
    row = await session.scalar(query)
    if row is None:
        return "invalid_grant"
    if row.used_at is not None:
        await oauth_grants.revoke(session, org_id=org_id, grant_id=row.grant_id or "", reason="code_replay")
        return "invalid_grant"
    return await _told(session, row, now)


async def _told(session: Session, row: OAuthDeviceCode, now: datetime) -> Waiting:
    if row.denied_at is not None or row.grant_id is not None:  # its grant was revoked meanwhile
        return "access_denied"
    if row.expires_at <= now:
        return "expired_token"
    waited_s = (now - row.polled_at).total_seconds() if row.polled_at is not None else row.interval_s
    is_early = waited_s < row.interval_s - _EARLY_S
    interval_s = min(row.interval_s + _SLOWER_S, _LONGEST_S) if is_early else row.interval_s
    asked = update(OAuthDeviceCode).where(OAuthDeviceCode.hash == row.hash)
    await session.execute(asked.values(polled_at=now, interval_s=interval_s), execution_options=_PAST)
    return "slow_down" if is_early else "authorization_pending"


async def _answer(session: Session, org_id: str, device_hash: str, values: dict[str, object]) -> bool:
    answered = update(OAuthDeviceCode).where(
        OAuthDeviceCode.hash == device_hash,
        OAuthDeviceCode.org_id == org_id,
        OAuthDeviceCode.grant_id.is_(None),
        OAuthDeviceCode.denied_at.is_(None),
        OAuthDeviceCode.expires_at > clock.now(),
    )
    answered = answered.values(**values).returning(OAuthDeviceCode.hash)
    return await session.scalar(answered, execution_options=_PAST) is not None
