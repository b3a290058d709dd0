"""Tells the control role how the servers are: `POST /internal/servers/health`, when something changed and
every 15 seconds besides. Each report says all there is to say, so nothing is queued and none can be missed.
"""

import asyncio
import logging
import os
import time

import msgspec

from gatewayops.base.errors import GatewayOpsError
from gatewayops.base.ids import random_text
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.health import HEARTBEAT_S, HealthReport, report
from gatewayops.upstream.pool import Pool
from gatewayops.upstream.registry import Registry

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_ANSWER_S = 5.0
_encode = msgspec.json.Encoder().encode


class HealthReports:
    """The task that tells. One a worker."""

    def __init__(
        self, servers: Registry, control: Pool, *, internal_token: str, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        """`control` leads to the control role."""
        self._servers = servers
        self._control = control
        self._token = internal_token
        self._heartbeat_s = heartbeat_s
        self._worker = f"{os.getpid()}-{random_text(8)}"
        self._offset_ns = time.time_ns() - time.perf_counter_ns()

    async def run(self) -> None:
        """Looks twice a second until cancelled; while control is away it tries again each time.

        A worker that has nothing to tell is not heard of before its first heartbeat.
        """
        told: HealthReport | None = HealthReport(self._worker)
        told_at = time.monotonic()
        while True:
            now = report(self._worker, self._servers.all(), offset_ns=self._offset_ns)
            if now != told or time.monotonic() - told_at >= self._heartbeat_s:
                told = now if await self._tell(now) else None
                told_at = time.monotonic()
            await asyncio.sleep(_LOOK_S)

    async def _tell(self, now: HealthReport) -> bool:
        body = _encode(now)
        head = (
            "POST /internal/servers/health HTTP/1.1\r\nhost: control\r\ncontent-type: application/json\r\n"
            f"x-gatewayops-internal: {self._token}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(_ANSWER_S):
                exchange = await self._control.send(head.encode() + body)
                try:
                    await exchange.answered
                except asyncio.CancelledError:
                    exchange.abort(ConnectionBroken("nobody waits for it any more", got_bytes=False))
                    raise
        except (GatewayOpsError, TimeoutError) as error:
            log.debug("the control role was not told how the servers are: %s", error)
            return False
        except Exception:  # what is told here is of less worth than the calls: the worker must not end for it
            log.exception("the control role could not be told how the servers are")
            return False
        return exchange.status == 204
