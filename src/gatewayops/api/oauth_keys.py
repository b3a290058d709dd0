"""The signing keys in this process: opened once, looked at every half minute, made when first needed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from joserfc.jwk import ECKey

from gatewayops.base.clock import unix_s
from gatewayops.identity.oauth.access_token import public_key
from gatewayops.identity.oauth.tokens import Signer, new_key_pair
from gatewayops.store.control import oauth_keys
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.control.oauth_keys import NewKey, SigningKey

_FRESH_S = 30.0


class KeySet(msgspec.Struct, frozen=True):
    """An organisation's keys: the public ones by `kid`, as documents and to verify with, and what signs."""

    public: Mapping[str, dict[str, Any]]
    verifying: Mapping[str, ECKey]
    signer: Signer
    until_s: float


class SigningKeys:
    """One a process."""

    def __init__(self, database: Database, credentials: Credentials) -> None:
        """Nothing is read yet."""
        self._database = database
        self._credentials = credentials
        self._sets: dict[str, KeySet] = {}
        self._reading = asyncio.Lock()
        self.on_made: Callable[[], Awaitable[None]] | None = None  # before new keys sign: tell gateways

    async def of(self, org_id: str) -> KeySet:
        """The keys as they were at most half a minute ago. Raises MasterKeyUnavailable, SealBroken."""
        known = self._sets.get(org_id)
        if known is not None and known.until_s >= unix_s():
            return known
        async with self._reading:
            known = self._sets.get(org_id)
            if known is None or known.until_s < unix_s():
                known = self._sets[org_id] = await self._read(org_id)
        return known

    async def rotate(self, org_id: str) -> None:
        """The next key signs from now on. Raises MasterKeyUnavailable."""
        await self.of(org_id)
        following = await self._new(org_id)
        async with self._database.session() as session:
            await oauth_keys.rotate(session, org_id=org_id, following=following)
        self._sets.pop(org_id, None)

    async def _read(self, org_id: str) -> KeySet:
        rows = await self._known(org_id)
        if not rows:
            active, following = await self._new(org_id), await self._new(org_id)
            async with self._database.session() as session:
                await oauth_keys.begin(session, org_id=org_id, active=active, following=following)
            if self.on_made is not None:
                await self.on_made()
            rows = await self._known(org_id)
        active_row = next(row for row in rows if row.state == "active")
        bound_to = oauth_keys.key_binding(org_id, active_row.id)
        pem = await self._credentials.open(active_row.private_sealed, org_id=org_id, bound_to=bound_to)
        return KeySet(
            public={row.id: {**row.public_jwk, "kid": row.id} for row in rows},
            verifying={row.id: public_key(row.public_jwk) for row in rows},
            signer=Signer(active_row.id, pem),
            until_s=unix_s() + _FRESH_S,
        )

    async def _known(self, org_id: str) -> tuple[SigningKey, ...]:
        async with self._database.reading() as session:
            return await oauth_keys.known(session, org_id=org_id)

    async def _new(self, org_id: str) -> NewKey:
        key_id = oauth_keys.new_key_id()
        public, pem = new_key_pair()
        bound_to = oauth_keys.key_binding(org_id, key_id)
        return NewKey(key_id, public, await self._credentials.seal(pem, org_id=org_id, bound_to=bound_to))
