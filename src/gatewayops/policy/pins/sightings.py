"""Sightings: brings what gateways saw of tools to the control role. Bounded, patient, and never in the way.

A sighting that is lost costs little: the control role asks every server itself from time to time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

import msgspec

from gatewayops.base.errors import GatewayOpsError
from gatewayops.policy.pins.pins import Seen
from gatewayops.upstream.exchange import ConnectionBroken, Exchange
from gatewayops.upstream.pool import Pool

log = logging.getLogger(__name__)

_PATH = "/internal/tools/seen"
_MAX_WAITING = 1000
_MAX_WAITING_BYTES = 8 << 20
_MAX_BATCH = 200
_MAX_BATCH_BYTES = 512 << 10
_SAME_AGAIN_S = 60.0
_TIMEOUT_S = 10.0
_RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_QUIET_FAILURES = 3

_Key = tuple[str, str, str, str]


class Sightings:
    """The queue of one worker, and the task that empties it. Its owner runs `run`."""

    def __init__(
        self, control: Pool, *, internal_token: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`control` leads to the control role."""
        self._control = control
        self._token = internal_token
        self._clock = clock
        self._waiting: dict[_Key, Seen] = {}
        self._bytes = 0
        self._told: dict[_Key, float] = {}
        self._news = asyncio.Event()
        self._is_empty = asyncio.Event()
        self.dropped = 0  # did not fit

    def add(self, seen: Iterable[Seen]) -> None:
        """Takes in what is not waiting or just told; over the bound, the new is dropped."""
        for one in seen:
            key = (one.org_id, one.server, one.tool, one.hash)
            if key in self._waiting or self._clock() - self._told.get(key, -_SAME_AGAIN_S) < _SAME_AGAIN_S:
                continue
            size = len(one.definition)
            if len(self._waiting) >= _MAX_WAITING or self._bytes + size > _MAX_WAITING_BYTES:
                self.dropped += 1
                continue
            self._waiting[key] = one
            self._bytes += size
            self._is_empty.clear()
            self._news.set()

    async def settled(self) -> None:
        """Returns when nothing waits any more."""
        if self._waiting:
            await self._is_empty.wait()

    async def run(self) -> None:
        """Posts what waits, until cancelled; while control is away it keeps and tries again."""
        failures = 0
        while True:
            await self._news.wait()
            batch = self._batch()
            try:
                await self._post(batch)
                self._forget(batch)
                failures = 0
                continue
            except (GatewayOpsError, TimeoutError) as error:
                if failures == _QUIET_FAILURES:
                    log.warning("what tools changed cannot be told to the control role (%s)", error)
            except Exception:  # the task must outlive whatever one batch does
                log.exception("sightings of tools could not be told")
                self._forget(batch)
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
            failures += 1

    def _batch(self) -> list[Seen]:
        batch: list[Seen] = []
        size = 0
        for one in self._waiting.values():
            size += len(one.definition)
            if batch and (size > _MAX_BATCH_BYTES or len(batch) >= _MAX_BATCH):
                break
            batch.append(one)
        return batch

    async def _post(self, batch: list[Seen]) -> None:
        body = msgspec.msgpack.encode(batch)
        head = (
            f"POST {_PATH} HTTP/1.1\r\nhost: control\r\nx-gatewayops-internal: {self._token}\r\n"
            f"content-type: application/msgpack\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        async with asyncio.timeout(_TIMEOUT_S):
            exchange = await self._control.send(head.encode() + body)
            try:
                await exchange.answered
            except asyncio.CancelledError:
                exchange.abort(ConnectionBroken("nobody waits for it any more", got_bytes=False))
                raise
        _check(exchange)

    def _forget(self, batch: list[Seen]) -> None:
        now = self._clock()
        if len(self._told) > _MAX_WAITING:
            self._told = {key: at for key, at in self._told.items() if now - at < _SAME_AGAIN_S}
        for one in batch:
            key = (one.org_id, one.server, one.tool, one.hash)
            if self._waiting.pop(key, None) is not None:
                self._bytes -= len(one.definition)
            self._told[key] = now
        if not self._waiting:
            self._news.clear()
            self._is_empty.set()


def _check(exchange: Exchange) -> None:
    if exchange.status in (400, 413):  # it would be no better the next time
        log.error("the control role refused sightings of tools: %s", exchange.body[:300])
    elif exchange.status != 204:
        msg = f"it answered {exchange.status}"
        raise ConnectionBroken(msg, got_bytes=True)
