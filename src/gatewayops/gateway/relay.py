"""Carries a stream of server-sent events to the client, chunk by chunk, and notices the answer in it.

The record of a call is on disk before the chunk that completes its answer goes out. A client that
reads slowly slows the server down; one that hangs up ends the upstream request.
"""

import asyncio
from collections.abc import Callable

from gatewayops.base.errors import UpstreamTimeout
from gatewayops.gateway.call import Call
from gatewayops.protocol.sse import KEEPALIVE, EventScanner, data_of, with_data
from gatewayops.upstream.exchange import ConnectionBroken, Exchange

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

    async def run(self, on_event: OnEvent, change: Callable[[bytes], bytes] | None = None) -> None:
        """Forwards until the server ends the stream. Raises what broke it off, or what `on_event` raises.

        With `change` events are held back until they are whole, and go on with their data changed.
        """
        send = self._call.cycle.send
        while chunk := await self._next():
            if change is not None:
                chunk = self._changed(chunk, on_event, change)
            else:
                for data in self._scanner.feed(chunk):
                    on_event(data)
            if chunk:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

    def _changed(self, chunk: bytes, on_event: OnEvent, change: Callable[[bytes], bytes]) -> bytes:
        whole: list[bytes] = []
        for event in self._scanner.split(chunk):
            data = data_of(event)
            after = change(data) if data else data
            if data:
                on_event(after)
            whole.append(event if after is data else with_data(event, after))
        if self._scanner.is_skipping:  # what is passed over here would reach the client unchanged
            msg = "an event of the server's stream is too large to be looked at"
            raise ConnectionBroken(msg, got_bytes=True)
        return b"".join(whole)

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
