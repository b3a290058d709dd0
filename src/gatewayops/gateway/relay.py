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
Change = Callable[[bytes], bytes | None]


class Relay:
    """One stream."""

    def __init__(
        self, call: Call, exchange: Exchange, *, keepalive_s: float, idle_s: float, event_limit: int
    ) -> None:
        """A stream silent for `idle_s` (may be infinite), or with an event over `event_limit`, is cut."""
        self._call = call
        self._exchange = exchange
        self._keepalive_s = keepalive_s
        self._idle_s = idle_s
        self._scanner = EventScanner(event_limit)
        self._is_holding = False  # a chunk that the client has not got, after what it has

    @property
    def is_between_events(self) -> bool:
        """Whether an event or a comment may be added here."""
        return self._scanner.is_between_events and not self._is_holding

    async def run(self, on_event: OnEvent, change: Change | None = None) -> None:
        """Forwards until the server ends the stream. Raises what broke it off, or what `on_event` raises:
        then the chunk that made the event whole does not go out.

        With `change` events are held back until they are whole, and go on with their data changed, or
        without it where `change` answers None.
        """
        send = self._call.cycle.send
        while chunk := await self._next():
            if change is not None:
                chunk = self._changed(chunk, on_event, change)
            else:
                self._is_holding = True
                for data in self._scanner.feed(chunk):
                    on_event(data)
                self._refuse_large()
                self._is_holding = False
            if chunk:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

    def _changed(self, chunk: bytes, on_event: OnEvent, change: Change) -> bytes:
        whole: list[bytes] = []
        for event in self._scanner.split(chunk):
            data = data_of(event)
            after = change(data) if data else data
            if after:
                on_event(after)
            whole.append(with_data(event, after))
        self._refuse_large()
        return b"".join(whole)

    def _refuse_large(self) -> None:
        if self._scanner.is_skipping:  # what is passed over would reach the client without being looked at
            msg = "an event of the server's stream is too large to be looked at"
            raise ConnectionBroken(msg, got_bytes=True)

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
