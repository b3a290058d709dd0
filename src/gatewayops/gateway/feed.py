"""Keeps the gateway's rules up to date: asks the control role for the next snapshot, keeps a copy on disk.

While control is away the last snapshot goes on serving, and a gateway that starts then begins with
the copy.
"""

import asyncio
import logging
from pathlib import Path

import msgspec

from gatewayops.base.errors import GatewayOpsError
from gatewayops.base.ids import random_text
from gatewayops.gateway.live import Live
from gatewayops.store import snapshot
from gatewayops.store.secrets.keyring import Keyring
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.pool import Pool

log = logging.getLogger(__name__)

_WAIT_S = 20.0
_RETRY_S = (0.1, 0.2, 0.5, 1.0)
_QUIET_FAILURES = 8  # about five seconds: when all roles start together, that is no news


class Feed:
    """The task that follows the control store's revision."""

    def __init__(
        self, live: Live, control: Pool, keyring: Keyring, *, internal_token: str, copy: Path
    ) -> None:
        """`copy` is where the last snapshot is kept; `keyring` learns data keys in time."""
        self._keyring = keyring
        self._live = live
        self._control = control
        self._token = internal_token
        self._copy = copy
        self._name = random_text(12)

    def start_from_copy(self) -> None:
        """Serves at once from the copy on disk, when there is one that reads."""
        try:
            found = snapshot.decode(self._copy.read_bytes())
            self._keyring.learn(found.data_keys)
            self._live.apply(found)
        except FileNotFoundError:
            return
        except (msgspec.DecodeError, msgspec.ValidationError):
            log.warning("the copy of the snapshot does not read; waiting for the control role")

    async def run(self) -> None:
        """Asks again and again until cancelled; each new revision is applied when it comes."""
        failures = 0
        while True:
            try:
                raw = await self._next()
                if raw:
                    await self._take(raw)
                failures = 0
                continue
            except (GatewayOpsError, TimeoutError) as error:
                if failures == _QUIET_FAILURES:
                    log.warning("no news from the control role (%s); serving what is known", error)
            except Exception:  # a feed that ended would let revoked keys in for ever
                log.exception("a snapshot could not be taken over; trying again")
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
            failures += 1

    async def try_keys_again(self) -> None:
        """Servers whose data key did not open are left out; now and then its master key is asked again."""
        if self._keyring.missing and not await self._keyring.learn_all(self._live.snapshot.data_keys):
            self._live.apply(self._live.snapshot)

    async def _take(self, raw: bytes) -> None:
        """Raises msgspec.DecodeError for a snapshot of another version."""
        found = snapshot.decode(raw)
        await self._keyring.learn_all(found.data_keys)
        self._live.apply(found)
        try:
            snapshot.write_file(self._copy, raw)
        except OSError as error:
            log.warning("no copy of the snapshot is kept: %s", error.strerror)

    async def _next(self) -> bytes:
        revision = self._live.snapshot.revision
        request = (
            f"GET /internal/snapshot?revision={revision}&wait_s={_WAIT_S:g}&follower={self._name} "
            f"HTTP/1.1\r\n"
            f"host: control\r\nx-gatewayops-internal: {self._token}\r\n\r\n"
        )
        async with asyncio.timeout(_WAIT_S + 10):
            exchange = await self._control.send(request.encode())
            try:
                await exchange.answered
            except asyncio.CancelledError:
                exchange.abort(ConnectionBroken("nobody waits for it any more", got_bytes=False))
                raise
        if exchange.status not in (200, 204):
            raise ConnectionBroken(f"it answered {exchange.status}", got_bytes=True)
        return exchange.body
