"""Carries a stream of server-sent events to the client, chunk by chunk, and notices the answer in it.

The record of a call is on disk before the chunk that completes its answer goes out. A client that
reads slowly slows the server down; one that hangs up ends the upstream request.
"""

import asyncio
from collections.abc import Callable

from gatewayops.base.errors import UpstreamTimeout
from gatewayops.gateway.call import Call
from gatewayops.protocol.sse import KEEPALIVE, EventScanner
from gatewayops.upstream.exchange import Exchange

OnEvent = Callable[[bytes], None]


class Relay:
    """One stream."""

    def __init__(
        self, call: Call, exchange: Exchange, *, keepalive_s: float, idle_s: float, event_limit: int
    ) -> None:
        """A stream silent for `idle_s` (may be infinite) is cut; events over `event_limit` go unread."""
        self._call = call
        self._exchange = exchange
        self._keepalive_s = keepalive_s
        self._idle_s = idle_s
        self._scanner = EventScanner(event_limit)

    @property
    def is_between_events(self) -> bool:
        """Whether an event or a comment may be added here."""
        return self._scanner.is_between_events

    async def run(self, on_event: OnEvent) -> None:
        """Forwards until the server ends the stream. Raises what broke it off, or what `on_event` raises."""
        send = self._call.cycle.send
        while chunk := await self._next():
            for data in self._scanner.feed(chunk):
                on_event(data)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _next(self) -> bytes:
        silent_s = 0.0
        while True:
            try:
                async with asyncio.timeout(self._keepalive_s):
                    return await self._exchange.next_chunk()
            except TimeoutError:
                silent_s += self._keepalive_s
            if silent_s >= self._idle_s:
                self._exchange.abort(UpstreamTimeout(f"the stream was silent for {self._idle_s:g} s"))
            elif self.is_between_events:
                await self._call.cycle.send(
                    {"type": "http.response.body", "body": KEEPALIVE, "more_body": True}
                )
