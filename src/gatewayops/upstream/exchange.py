"""One request to a server and what came back: the side that the gateway holds.

The connection fills it; it outlives the connection's next exchange, so nothing read late is lost.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from gatewayops.base.errors import GatewayOpsError, Reason, UpstreamError

Headers = list[tuple[bytes, bytes]]

_HIGH_WATER_BYTES = 64 << 10
_NONE: list[bytes] = []  # shared and never changed: most exchanges have no chunks


class ConnectionBroken(UpstreamError):
    """The server closed, reset or broke the protocol. `got_bytes`: whether any of an answer had come."""

    reason = Reason.UPSTREAM_BROKEN

    def __init__(self, detail: str, *, got_bytes: bool) -> None:
        """`got_bytes` decides whether the request may be sent again."""
        super().__init__(detail)
        self.got_bytes = got_bytes


class Wire(Protocol):
    """What an exchange asks of its connection."""

    def pause_reading(self) -> None:
        """Stop reading from the server: the reader is behind."""

    def resume_reading(self) -> None:
        """Go on."""

    def drop(self) -> None:
        """Close at once, so that the server notices."""


class Exchange:
    """`await exchange.answered`, then `status`, `headers`, and `body` or, when `is_stream`, the chunks."""

    __slots__ = (
        "_answered",
        "_buffered",
        "_chunk_waiter",
        "_chunks",
        "_is_paused",
        "_is_released",
        "_wire",
        "body",
        "failure",
        "headers",
        "is_complete",
        "is_stream",
        "on_answered",
        "status",
        "streams_all",
    )

    def __init__(self, wire: Wire, *, streams_all: bool) -> None:
        """`streams_all` makes any answer a stream, whatever its type."""
        self._wire = wire
        self._answered: asyncio.Future[None] | None = None
        self._is_released = False
        self.on_answered: Callable[[], None] | None = None
        self.streams_all = streams_all
        self.status = 0
        self.headers: Headers
        self.body = b""
        self.is_stream = False
        self.is_complete = False
        self.failure: GatewayOpsError | None = None
        self._chunks: list[bytes] = _NONE
        self._chunk_waiter: asyncio.Future[None] | None = None
        self._buffered = 0
        self._is_paused = False

    @property
    def answered(self) -> "asyncio.Future[None]":
        """To be awaited: the answer is whole, or the head of a stream is there. Raises what failed.

        Who sets `on_answered` instead is called at that moment, and looks at `failure` himself.
        """
        if self._answered is None:
            self._answered = asyncio.get_running_loop().create_future()
            if self.failure is not None:
                self._answered.set_exception(self.failure)
            elif self._is_released:
                self._answered.set_result(None)
        return self._answered

    def header(self, name: bytes) -> bytes:
        """The first header of that lower-case name, or nothing."""
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    async def next_chunk(self) -> bytes:
        """The next bytes of a stream; empty at its end. Raises what broke it off."""
        while not self._chunks:
            if self.failure is not None:
                raise self.failure
            if self.is_complete:
                return b""
            self._chunk_waiter = asyncio.get_running_loop().create_future()
            await self._chunk_waiter
        chunk = b"".join(self._chunks) if len(self._chunks) > 1 else self._chunks[0]
        self._chunks = _NONE
        self._buffered = 0
        if self._is_paused:
            self._is_paused = False
            if not self.is_complete:
                self._wire.resume_reading()
        return chunk

    def abort(self, failure: GatewayOpsError) -> None:
        """Gives up: the connection is closed, which tells the server; who waits gets the failure."""
        if not self.is_complete:
            self.fail(failure)
            self._wire.drop()

    # for the connection

    def begin_stream(self, status: int, headers: Headers) -> None:
        """The head of a stream is there."""
        self.status = status
        self.headers = headers
        self.is_stream = True
        self._release()

    def put(self, chunk: bytes) -> None:
        """A part of a stream; a reader that is behind stops the server."""
        if self._chunks:
            self._chunks.append(chunk)
        else:
            self._chunks = [chunk]
        self._buffered += len(chunk)
        if self._buffered > _HIGH_WATER_BYTES and not self._is_paused:
            self._is_paused = True
            self._wire.pause_reading()
        self._wake()

    def finish(self, body: bytes) -> None:
        """The answer is whole."""
        self.is_complete = True
        self.body = body
        self._release()
        if self._chunk_waiter is not None:
            self._wake()

    def fail(self, failure: GatewayOpsError) -> None:
        """No more will come; the first failure counts."""
        if self.failure is None and not self.is_complete:
            self.failure = failure
            if self._answered is not None and not self._answered.done():
                self._answered.set_exception(failure)
            self._call_back()
            self._wake()

    def _release(self) -> None:
        self._is_released = True
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)
        self._call_back()

    def _call_back(self) -> None:
        call_back = self.on_answered
        if call_back is not None:
            self.on_answered = None
            call_back()

    def _wake(self) -> None:
        waiter = self._chunk_waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
