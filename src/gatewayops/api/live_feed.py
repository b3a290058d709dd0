"""The live feed: the last minute's figures as server-sent events, and how many such feeds are open."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gatewayops.api.metric_shapes import told
from gatewayops.api.periods import iso, unix_ns
from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError, TooMany
from gatewayops.query import metrics
from gatewayops.query.asking import SpanReader
from gatewayops.store.telemetry.span_filter import SpanFilter

EVERY_S = 2.0
WINDOW_S = 60
PER_ORG = 8
_AT_ONCE = 64
LONGEST_S = 600.0  # then the client asks again, and we whether it still may
_SECOND_NS = 1_000_000_000


class Places:
    """How many feeds are open; one a process."""

    def __init__(self) -> None:
        """None is."""
        self._taken: Counter[str] = Counter()

    def check(self, org_id: str) -> None:
        """Raises TooMany when there is no place for one more."""
        if self._taken[org_id] >= PER_ORG or self._taken.total() >= _AT_ONCE:
            msg = "too many live feeds are open; close one, or ask /v1/metrics/summary"
            raise TooMany(msg)

    @contextmanager
    def one(self, org_id: str) -> Iterator[None]:
        """One that is open."""
        self._taken[org_id] += 1
        try:
            yield
        finally:
            self._taken[org_id] -= 1


async def feed(
    telemetry: SpanReader, org_id: str, *, is_stopping: Callable[[], bool], every_s: float = EVERY_S
) -> AsyncIterator[bytes]:
    """Events until the process stops or ten minutes are over; a store that is away ends nothing."""
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until and not is_stopping():
        try:
            yield _event("figures", await _last_minute(telemetry, org_id))
        except GatewayOpsError as error:
            yield _event("unavailable", {"message": error.detail})
        await asyncio.sleep(every_s)


async def counted(events: AsyncIterator[bytes], places: Places, org_id: str) -> AsyncIterator[bytes]:
    """The events; takes a place when they are first asked for, until they end however they do."""
    with places.one(org_id):
        async for event in events:
            yield event


async def _last_minute(telemetry: SpanReader, org_id: str) -> dict[str, Any]:
    end_ns = unix_ns(clock.now())
    length_ns = WINDOW_S * _SECOND_NS
    found = await metrics.summary(
        telemetry, SpanFilter(org_id=org_id, start_ns=end_ns - length_ns, end_ns=end_ns)
    )
    return {"time": iso(end_ns), "window_s": WINDOW_S, **told(found, length_ns=length_ns)}


def _event(name: str, body: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(body)}\n\n".encode()
