"""Rotating keys, a step at a time: each key and each value in a transaction of its own, so that a rotation
that was broken off goes on where it stood, and the audit log sees every change.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import func, select

from gatewayops.base.crypto import SealBroken
from gatewayops.base.errors import Conflict
from gatewayops.store.control import (
    data_keys,
    revision,
    sign_in_providers,
    upstream_accounts,
    upstream_clients,
)
from gatewayops.store.control.alert_channels import channel_binding
from gatewayops.store.control.alert_tables import AlertChannel
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.data_key_tables import DataKey
from gatewayops.store.control.database import Database, Session
from gatewayops.store.control.export_tables import ExportDestination
from gatewayops.store.control.exports import export_binding
from gatewayops.store.control.factor_tables import UserTotp, totp_binding
from gatewayops.store.control.identity_providers import provider_binding
from gatewayops.store.control.oauth_keys import key_binding
from gatewayops.store.control.oauth_tables import OAuthSigningKey
from gatewayops.store.control.sign_in_tables import SignInProvider
from gatewayops.store.control.sso_tables import IdentityProvider
from gatewayops.store.control.tables import McpServer
from gatewayops.store.control.upstream_account_tables import UpstreamAccount, UpstreamClient
from gatewayops.store.control.validation_tables import TransformRule
from gatewayops.store.secrets.keyring import key_of
from gatewayops.store.snapshot import server_binding, transform_binding

_STEP = 20


class NoLongerOpens(Conflict):
    """A key or value that was changed or moved; the detail names it. Rotation cannot pass it by."""


@dataclass(frozen=True)
class Sealed:
    """A column of sealed values, and what each is bound to."""

    table: Any
    bound_to: Callable[[str, str], bytes]
    column: str = "sealed_headers"


SEALED = (
    Sealed(McpServer, server_binding),
    Sealed(TransformRule, transform_binding),
    Sealed(UpstreamClient, upstream_clients.binding, "sealed_secret"),
    Sealed(UpstreamAccount, upstream_accounts.access_binding, "sealed_access"),
    Sealed(UpstreamAccount, upstream_accounts.refresh_binding, "sealed_refresh"),
    Sealed(UserTotp, totp_binding, "sealed_secret"),
    Sealed(IdentityProvider, provider_binding, "secret_sealed"),
    Sealed(ExportDestination, export_binding, "headers_sealed"),
    Sealed(AlertChannel, channel_binding, "sealed_secret"),
    Sealed(OAuthSigningKey, key_binding, "private_sealed"),
    Sealed(SignInProvider, sign_in_providers.binding, "sealed_secret"),
)
"""Every column of sealed values that are kept. A new kind of credential belongs here too."""


class Progress(msgspec.Struct, frozen=True):
    """Where a rotation stands: what this step did, and what is left."""

    version: str
    rewrapped: int = 0
    resealed: int = 0
    keys_left: int = 0
    values_left: int = 0
    is_continued: bool = False

    @property
    def is_done(self) -> bool:
        """Whether everything is under the newest keys."""
        return not self.keys_left and not self.values_left


class Status(msgspec.Struct, frozen=True):
    """What wraps and seals now: data keys by version of the master key, and how many values lag."""

    provider: str
    newest: str
    data_keys: dict[str, int]
    values: int
    values_left: int


async def status(database: Database, credentials: Credentials, *, org_id: str | None) -> Status:
    """Of one organisation, or of all. Raises MasterKeyUnavailable."""
    masters = credentials.keyring.masters
    newest = await asyncio.to_thread(masters.newest)
    async with database.reading() as session:
        counts = await data_keys.by_version(session, org_id=org_id)
        values = await _values(session, org_id)
        current = await _current(session)
    left = sum(key_of(value.sealed) != current.get(value.org_id) for value in values)
    return Status(masters.provider, newest, counts, len(values), left)


async def begin(database: Database, credentials: Credentials, *, renews_data_keys: bool) -> Progress:
    """A new version of the master key, unless a rotation is unfinished: then that one goes on.

    Raises MasterKeyUnavailable.
    """
    before = await progress(database, credentials)
    if before.keys_left:
        return msgspec.structs.replace(before, is_continued=True)
    await asyncio.to_thread(credentials.keyring.masters.rotate)
    if renews_data_keys:
        async with database.reading() as session:
            org_ids = list(await _current(session))
        for org_id in org_ids:
            await credentials.renew(org_id)
    return await progress(database, credentials)


async def step(database: Database, credentials: Credentials) -> Progress:
    """Some keys wrapped anew; when none is left, some values sealed anew.

    Raises MasterKeyUnavailable, and NoLongerOpens.
    """
    newest = await asyncio.to_thread(credentials.keyring.masters.newest)
    async with database.reading() as session:
        keys = await data_keys.not_under(session, newest, limit=_STEP)
    for key in keys:
        try:
            wrapped = await asyncio.to_thread(credentials.keyring.rewrapped, key)
        except SealBroken as error:
            msg = f"the data key {key.id} of {key.org_id} was changed: {error.detail}"
            raise NoLongerOpens(msg) from error
        async with database.session() as session:
            await data_keys.put_wrapped(session, key, wrapped)
    resealed = 0 if keys else await _reseal(database, credentials)
    now = await progress(database, credentials)
    return msgspec.structs.replace(now, rewrapped=len(keys), resealed=resealed)


async def progress(database: Database, credentials: Credentials) -> Progress:
    """What is left of a rotation."""
    newest = await asyncio.to_thread(credentials.keyring.masters.newest)
    async with database.reading() as session:
        other = select(func.count()).select_from(DataKey).where(DataKey.version != newest)
        keys_left = await session.scalar(other) or 0
        values_left = len(await _values_left(session))
    return Progress(version=newest, keys_left=keys_left, values_left=values_left)


class _Value(msgspec.Struct, frozen=True):
    kind: int
    id: str
    org_id: str
    sealed: bytes


async def _reseal(database: Database, credentials: Credentials) -> int:
    async with database.reading() as session:
        values = (await _values_left(session))[:_STEP]
    for value in values:
        where = SEALED[value.kind]
        bound_to = where.bound_to(value.org_id, value.id)
        try:
            plain = await credentials.open(value.sealed, org_id=value.org_id, bound_to=bound_to)
        except SealBroken as error:
            msg = f"{where.table.__tablename__} {value.id}: {error.detail}; give it again, or remove it"
            raise NoLongerOpens(msg) from error
        sealed = await credentials.seal(plain, org_id=value.org_id, bound_to=bound_to)
        async with database.session() as session:
            await _put(session, value, sealed)
    return len(values)


async def _put(session: Session, value: _Value, sealed: bytes) -> None:
    table, column = SEALED[value.kind].table, SEALED[value.kind].column
    query = select(table).where(table.org_id == value.org_id, table.id == value.id).with_for_update()
    row = await session.scalar(query)
    if row is not None and getattr(row, column) == value.sealed:
        setattr(row, column, sealed)
        await revision.bump(session)


async def _values_left(session: Session) -> list[_Value]:
    current = await _current(session)
    return [
        value for value in await _values(session, None) if key_of(value.sealed) != current.get(value.org_id)
    ]


async def _values(session: Session, org_id: str | None) -> Sequence[_Value]:
    found: list[_Value] = []
    for kind, where in enumerate(SEALED):
        sealed = getattr(where.table, where.column)
        query = select(where.table.id, where.table.org_id, sealed)
        query = query.where(sealed != b"").order_by(where.table.id)
        if org_id is not None:
            query = query.where(where.table.org_id == org_id)
        found += [_Value(kind, *row) for row in await session.execute(query)]
    return found


async def _current(session: Session) -> dict[str, str]:
    """The data key that seals now, by organisation; none for those that have sealed nothing yet."""
    query = select(DataKey.org_id, DataKey.id).order_by(DataKey.created_at, DataKey.id)
    return {row.org_id: row.id for row in await session.execute(query)}
