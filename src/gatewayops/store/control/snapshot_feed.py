"""Snapshots of the control store for gateways: built when the revision changes, handed to who waits."""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from gatewayops.base import clock
from gatewayops.store import snapshot
from gatewayops.store.control import (
    access,
    budgets,
    data_keys,
    limits,
    masking,
    oauth_keys,
    oauth_revocations,
    pins,
    revision,
    servers,
    transforms,
    upstream_accounts,
    validation,
)
from gatewayops.store.control.database import Database, DatabaseUnavailable, Session
from gatewayops.store.control.followers import Followers
from gatewayops.store.control.keys import belongs_to_nobody_disabled
from gatewayops.store.control.tables import ApiKey, ApiKeySecret, Organisation, PriceRule

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2  # SQLite: how often its files are looked at
_FALLBACK_POLL_S = (
    1.0  # how often the store is asked unless its files or PostgreSQL's notifications tell first
)
_RETRY_S = 1.0
_DELIVERY_S = 2.0  # a gateway that hangs holds changes up so long


async def build(session: Session) -> snapshot.Snapshot:
    """All that gateways may serve at this moment: no revoked or expired key, no ended secret."""
    now = clock.now()
    masked = await masking.rows(session)
    contacts = {row.org_id for row in masked if {"email", "phone"} <= set(row.switched_on)}
    tools, catalogues = await pins.rows(session)
    return snapshot.Snapshot(
        revision=await revision.current(session),
        made_at=now.timestamp(),
        orgs=tuple(
            snapshot.OrgRow(id=row.id, masks_contacts=row.id in contacts)
            for row in await session.scalars(select(Organisation))
        ),
        keys=await _keys(session, now),
        secrets=await _secrets(session, now),
        servers=await servers.every(session),
        prices=tuple(_price(row) for row in await session.scalars(select(PriceRule))),
        teams=await limits.team_rows(session),
        limits=await limits.rows(session),
        budgets=await budgets.snapshot_rows(session),
        masking=masked,
        data_keys=await data_keys.rows(session),
        tools=tools,
        catalogues=catalogues,
        validation=await validation.snapshot_rows(session),
        transforms=await transforms.snapshot_rows(session),
        access=await access.rows(session),
        signing_keys=tuple(
            snapshot.SigningKeyRow(key.id, key.org_id, key.public_jwk)
            for key in await oauth_keys.every(session)
        ),
        revocations=tuple(
            snapshot.RevocationRow(row.org_id, row.kind, row.subject, row.before_s)
            for row in await oauth_revocations.every(session)
        ),
        upstream_accounts=await upstream_accounts.rows(session),
    )


class RevisionWatch:
    """Notices changes and keeps the newest snapshot, encoded. Its owner runs `run` as a task.

    Nothing is read before a gateway asks for the first time. Database errors are logged once and outlived:
    who waits gets the last snapshot, or nothing yet.
    """

    def __init__(self, database: Database) -> None:
        """Reads nothing."""
        self._database = database
        self._is_asked = asyncio.Event()
        self._revision = snapshot.EMPTY.revision
        self._encoded = b""
        self._changed = asyncio.Event()
        self._hurried = asyncio.Event()
        self.followers = Followers()
        self._refreshing = asyncio.Lock()
        self._is_broken = False
        self._is_stopping = False

    @property
    def revision(self) -> int:
        """Of the newest snapshot."""
        return self._revision

    async def run(self) -> None:
        """Watches until cancelled."""
        await self._is_asked.wait()
        while True:
            try:
                await (self._poll() if self._database.is_sqlite else self._listen())
            except Exception:  # noqa: BLE001 - the outermost loop of a task that must outlive the database
                if not self._is_broken:
                    _LOG.warning(
                        "the control store does not answer; gateways keep their rules", exc_info=True
                    )
                self._is_broken = True
            await asyncio.sleep(_RETRY_S)

    async def newer_than(self, known: int, *, wait_s: float) -> bytes | None:
        """The encoded snapshot as soon as its revision is above `known`; None after `wait_s`.

        A caller ahead of us has seen a newer store than ours, or the store was restored from a
        backup: the store itself is asked, and its word holds even when it is lower.
        """
        self._is_asked.set()
        if known > self._revision >= 0 and await self._is_behind(known):
            return self._encoded
        try:
            async with asyncio.timeout(wait_s):
                while self._revision <= known and not self._is_stopping:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self._encoded if self._revision > known else None

    async def deliver(self) -> None:
        """Until all followers have in use what is stored now, or for as long as an answer may wait."""
        if self.followers.is_empty:
            return
        try:
            async with self._database.reading() as session:
                stored = await revision.current(session)
        except DatabaseUnavailable:
            return
        self._hurried.set()
        await self.followers.reach(stored, within_s=_DELIVERY_S)

    @property
    def is_stopping(self) -> bool:
        """Whether the process is about to end."""
        return self._is_stopping

    def stop_waiting(self) -> None:
        """Lets all who wait go, now and from now on: the process is about to end."""
        self._is_stopping = True
        self._changed.set()

    async def _is_behind(self, known: int) -> bool:
        try:
            await self._refresh()
        except DatabaseUnavailable:
            return False
        return self._revision < known

    async def _poll(self) -> None:
        """The files' times tell when to ask: an idle store is not asked five times a second.

        It is asked once more at the next look, for two commits within a tick of the clock look like one.
        """
        seen: tuple[int, ...] = ()
        was_new, asked_at = True, 0.0
        while True:
            is_hurried = self._hurried.is_set()
            self._hurried.clear()
            found = self._database.last_written()
            is_new = found != seen
            if is_hurried or is_new or was_new or time.monotonic() - asked_at >= _FALLBACK_POLL_S:
                asked_at = time.monotonic()
                await self._refresh()
            seen, was_new = found, is_new
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._hurried.wait()

    async def _listen(self) -> None:
        noticed = asyncio.Event()
        async with revision.listening(self._database, noticed) as driver:
            while not driver.is_closed():
                noticed.clear()
                await self._refresh()
                try:
                    async with asyncio.timeout(_FALLBACK_POLL_S):
                        await noticed.wait()
                except TimeoutError:
                    continue

    async def _refresh(self) -> None:
        async with self._refreshing, self._database.reading() as session:
            is_same = await revision.current(session) == self._revision
            if not is_same:
                self._keep(await build(session))
        self._is_broken = False

    def _keep(self, built: snapshot.Snapshot) -> None:
        self._encoded = snapshot.encode(built)
        self._revision = built.revision
        self._changed.set()
        self._changed = asyncio.Event()


def _is_ahead(moment: InstrumentedAttribute[datetime | None], now: datetime) -> ColumnElement[bool]:
    return or_(moment.is_(None), moment > now)


async def _keys(session: Session, now: datetime) -> tuple[snapshot.KeyRow, ...]:
    query = select(ApiKey).where(
        ApiKey.revoked_at.is_(None),
        _is_ahead(ApiKey.expires_at, now),
        belongs_to_nobody_disabled(),
    )
    return tuple(
        snapshot.KeyRow(
            id=row.id,
            org_id=row.org_id,
            name=row.name,
            env=row.env,
            servers=tuple(row.servers),
            actions=tuple(row.actions),
            user_id=row.user_id or "",
            team_id=row.team_id or "",
            project_id=row.project_id or "",
            expires_at=row.expires_at.timestamp() if row.expires_at else None,
        )
        for row in await session.scalars(query)
    )


async def _secrets(session: Session, now: datetime) -> tuple[snapshot.SecretRow, ...]:
    query = (
        select(ApiKeySecret)
        .join(ApiKey, ApiKey.id == ApiKeySecret.key_id)
        .where(
            ApiKey.revoked_at.is_(None),
            _is_ahead(ApiKey.expires_at, now),
            belongs_to_nobody_disabled(),
            _is_ahead(ApiKeySecret.valid_until, now),
        )
    )
    return tuple(
        snapshot.SecretRow(
            prefix=row.prefix,
            hash=row.hash,
            key_id=row.key_id,
            valid_until=row.valid_until.timestamp() if row.valid_until else None,
        )
        for row in await session.scalars(query)
    )


def _price(row: PriceRule) -> snapshot.PriceRow:
    return snapshot.PriceRow(
        org_id=row.org_id,
        server=row.server,
        tool=row.tool,
        per_call_micros=row.per_call_micros,
        input_micros_per_mtok=row.input_micros_per_mtok,
        output_micros_per_mtok=row.output_micros_per_mtok,
    )
