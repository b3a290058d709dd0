"""From a bearer token to a Principal, in memory: bcrypt once, then a look-up by the token's SHA-256.

Keys come from the snapshot, so a revoked key is gone with the next one. What cannot be a key, has an
unknown prefix, or was refused before never reaches bcrypt, and only so many checks a second do, so
that guessing neither burns the CPU nor locks the owner out.
"""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import bcrypt

from gatewayops.base.clock import unix_s
from gatewayops.base.errors import Reason, TooMany, Unauthenticated
from gatewayops.identity.principal import Principal
from gatewayops.store.snapshot import KeyRow, SecretRow, Snapshot

_SECRET_BYTES = range(12, 60)
_REMEMBERED = 100_000
_WAITING_CHECKS = 64  # 50 ms each: nobody waits longer than about 3 s


class KeyChecksBusy(TooMany):
    """Too many unverified keys at once; a known key is not affected."""

    reason = Reason.KEY_CHECKS_BUSY


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    secret: SecretRow
    until: float  # Unix seconds: freshness, the key's expiry, the secret's overlap


class Authenticator:
    """Keeps the keys of the newest snapshot and what was verified against them."""

    def __init__(self, *, cache_s: float) -> None:
        """A verified key is checked anew after `cache_s` seconds."""
        self._cache_s = cache_s
        self._keys: dict[str, KeyRow] = {}
        self._secrets: dict[str, list[SecretRow]] = {}
        self._known: dict[bytes, _Known] = {}
        self._refused: dict[bytes, Callable[[], Unauthenticated]] = {}
        self._checks: dict[bytes, asyncio.Future[SecretRow | None]] = {}
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")

    def replace(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot's keys; what it no longer holds is denied from now on."""
        self._keys = {key.id: key for key in snapshot.keys}
        self._secrets = {}
        for secret in snapshot.secrets:
            self._secrets.setdefault(secret.prefix, []).append(secret)
        live = {secret.hash: secret for secret in snapshot.secrets}
        known: dict[bytes, _Known] = {}
        for digest, old in self._known.items():
            secret_now = live.get(old.secret.hash)
            key = self._keys.get(secret_now.key_id) if secret_now is not None else None
            if secret_now is not None and key is not None:
                until = min(old.until, key.expires_at or old.until, secret_now.valid_until or old.until)
                known[digest] = _Known(_principal(key), secret_now, until)
        self._known = known
        self._refused.clear()

    def known(self, digest: bytes) -> Principal | None:
        """The principal of a token, by its SHA-256, if it was verified lately; None means: ask `verify`."""
        known = self._known.get(digest)
        return known.principal if known is not None and known.until > unix_s() else None

    def newest(self, principal: Principal) -> Principal:
        """Who that key belongs to now, with which scopes. Raises Unauthenticated when it was revoked."""
        key = self._keys.get(principal.key_id)
        if key is None:
            raise _revoked()
        return _principal(key)

    def owner_of(self, token: bytes) -> Principal | None:
        """Whose key a token claims to be, by its public prefix; only to file a refusal, never to allow."""
        secrets = self._secrets.get(_prefix(token))
        key = self._keys.get(secrets[0].key_id) if secrets else None
        return _principal(key) if key is not None else None

    async def verify(self, token: bytes) -> Principal:
        """The principal of a token, checked with bcrypt. Raises Unauthenticated or KeyChecksBusy.

        However many calls come with a new token at once, it is checked once.
        """
        digest = hashlib.sha256(token).digest()
        candidates = self._secrets.get(_prefix(token), []) if len(token) in _SECRET_BYTES else []
        if not candidates:
            raise _unknown()
        if digest in self._refused:
            raise self._refused[digest]()
        check = self._checks.get(digest)
        if check is None:
            if len(self._checks) >= _WAITING_CHECKS:
                msg = "too many unknown keys are being checked; try again in a second"
                raise KeyChecksBusy(msg)
            check = self._checks[digest] = asyncio.ensure_future(self._match(token, candidates))
            check.add_done_callback(lambda _: self._checks.pop(digest, None))
        secret = await asyncio.shield(check)
        if secret is None:
            raise self._refuse(digest, _unknown)
        return self._remember(digest, secret)

    def _refuse(self, digest: bytes, refusal: Callable[[], Unauthenticated]) -> Unauthenticated:
        if len(self._refused) >= _REMEMBERED:
            self._refused.clear()
        self._refused[digest] = refusal
        return refusal()

    async def _match(self, token: bytes, candidates: list[SecretRow]) -> SecretRow | None:
        loop = asyncio.get_running_loop()
        for secret in candidates:
            if await loop.run_in_executor(self._threads, bcrypt.checkpw, token, secret.hash.encode()):
                return secret
        return None

    def _remember(self, digest: bytes, secret: SecretRow) -> Principal:
        now = unix_s()
        key = self._keys.get(secret.key_id)  # the snapshot may have changed while bcrypt ran
        if key is None or secret not in self._secrets.get(secret.prefix, ()):
            raise _revoked()
        if (key.expires_at or now + 1) <= now or (secret.valid_until or now + 1) <= now:
            raise self._refuse(digest, _expired)
        fresh = now + self._cache_s
        until = min(fresh, key.expires_at or fresh, secret.valid_until or fresh)
        principal = _principal(key)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[digest] = _Known(principal, secret, until)
        return principal


def _unknown() -> Unauthenticated:
    msg = "this API key is not known: it was never made here, or it was revoked"
    return Unauthenticated(msg, Reason.KEY_UNKNOWN)


def _revoked() -> Unauthenticated:
    msg = "this API key was revoked"
    return Unauthenticated(msg, Reason.KEY_UNKNOWN)


def _expired() -> Unauthenticated:
    msg = "this API key has expired; rotate it or make a new one"
    return Unauthenticated(msg, Reason.KEY_EXPIRED)


def _prefix(token: bytes) -> str:
    """`gwo_prod_a1b2` of `gwo_prod_a1b2…`; empty for what is no key of ours."""
    parts = token.split(b"_", 2)
    if len(parts) != 3 or parts[0] != b"gwo":
        return ""
    return b"_".join((parts[0], parts[1], parts[2][:4])).decode("ascii", "replace")


def _principal(key: KeyRow) -> Principal:
    return Principal(
        org_id=key.org_id,
        key_id=key.id,
        key_name=key.name,
        env=key.env,
        user_id=key.user_id,
        team_id=key.team_id,
        project_id=key.project_id,
        servers=key.servers,
        actions=key.actions,
    )
