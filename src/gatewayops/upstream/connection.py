"""One keep-alive HTTP/1.1 connection to a server, on httptools: one exchange at a time, streamed both ways.

The path of every call runs through here, so it is small: no coroutine between socket and answer.
Only upstream.pool makes connections; one that saw anything odd is never used again.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools

from gatewayops.base.errors import Reason, UpstreamError
from gatewayops.upstream.answer_head import AnswerHeads
from gatewayops.upstream.exchange import ConnectionBroken, Exchange, Headers
from gatewayops.upstream.write_batch import batch_of

_HEAD_BYTES = 256 << 10


class AnswerTooLarge(UpstreamError):
    """A whole answer over the bound of the settings; streams have none."""

    reason = Reason.UPSTREAM_BROKEN


class Connection(asyncio.Protocol):
    """Runs exchanges one after the other; tells the pool when it is idle or lost."""

    def __init__(
        self, *, max_answer_bytes: int, on_change: "Callable[[Connection], None]", heads: AnswerHeads
    ) -> None:
        """`on_change` is called when an exchange ended well, and when the connection is lost."""
        self._heads = heads
        self._is_between = True  # no byte of an answer has reached the parser since the last whole one
        self._max_answer_bytes = max_answer_bytes
        self._on_change = on_change
        self._transport: Any = None  # asyncio.Transport; uvloop's is no subclass of it
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._has_head = False
        self._headers: Headers = []
        self._parts: list[bytes] = []
        self._size = 0
        self.is_closed = False
        self.idle_since = 0.0

    def start(self, request: bytes, *, streams_all: bool) -> Exchange:
        """Sends the request; its exchange is answered later, or fails with ConnectionBroken."""
        exchange = self._exchange = Exchange(self, streams_all=streams_all)
        self._has_head = False
        self._headers = []
        self._put(self._transport, request)
        return exchange

    def close(self) -> None:
        """Closes an idle connection."""
        self.is_closed = True
        self._transport.close()

    # what an exchange asks

    def pause_reading(self) -> None:
        """The reader of the stream is behind."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """It has caught up."""
        self._transport.resume_reading()

    def drop(self) -> None:
        """Closes at once."""
        self.is_closed = True
        self._exchange = None
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._put = batch_of(loop).put

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; bytes that nobody asked for, or that are no HTTP, end the connection."""
        exchange = self._exchange
        if exchange is None:
            self.drop()
            return
        if not self._is_between or exchange.streams_all:
            self._parse(data)
            return
        body_at = data.find(b"\r\n\r\n") + 4
        head = self._heads.known(data[:body_at])
        if head is not None and len(data) - body_at == head.length:
            self._exchange = None
            exchange.status, exchange.headers, _ = head
            exchange.finish(data[body_at:])
            self._on_change(self)
            return
        self._parse(data)
        is_whole = exchange.is_complete and self._is_between and not self.is_closed
        if is_whole and len(exchange.body) == len(data) - body_at:
            self._heads.remember(data[:body_at], exchange.status, exchange.headers, len(exchange.body))

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break("the server wants another protocol")
        except httptools.HttpParserError:
            self._break("the server did not answer in HTTP")
        if not self._has_head and self._exchange is not None:
            self._size += len(data)
            if self._size > _HEAD_BYTES:
                self._break("the head of the server's answer does not end")

    def connection_lost(self, error: Exception | None) -> None:
        """Ends a body that runs to the end of the connection, fails any other exchange."""
        self.is_closed = True
        exchange = self._exchange
        if exchange is not None and error is None and self._has_head and self._ends_with_connection():
            self.on_message_complete()
        elif exchange is not None and self._has_head:
            exchange.fail(ConnectionBroken("the server broke off its answer", got_bytes=True))
        elif exchange is not None:
            exchange.fail(
                ConnectionBroken(
                    "the server closed the connection without an answer", got_bytes=self._size > 0
                )
            )
        self._exchange = None
        self._on_change(self)

    # httptools

    def on_message_begin(self) -> None:
        """An answer that nobody asked for ends the connection: it could pass for the next caller's."""
        self._is_between = False
        if self._exchange is None:
            self.drop()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Names in lower case."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Decides whether this answer is collected or streamed; 1xx are passed over."""
        status = self._parser.get_status_code()
        exchange = self._exchange
        if status < 200 or exchange is None:
            self._headers = []
            return
        self._has_head = True
        is_stream = exchange.streams_all
        for name, value in self._headers:
            if name == b"content-type":
                is_stream = is_stream or value[:17] == b"text/event-stream"
                break
        if is_stream:
            exchange.begin_stream(status, self._headers)
        else:
            exchange.status = status
            exchange.headers = self._headers

    def on_body(self, body: bytes) -> None:
        """A chunk for the reader of a stream, or a part of a bounded whole."""
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.is_stream:
            exchange.put(body)
            return
        self._parts.append(body)
        self._size += len(body)
        if self._size > self._max_answer_bytes:
            exchange.fail(AnswerTooLarge(f"the server's answer is over {self._max_answer_bytes} bytes"))
            self.drop()

    def on_message_complete(self) -> None:
        """The exchange is over; the connection goes back unless it may not be kept."""
        exchange = self._exchange
        if exchange is None or not self._has_head:
            return
        self._is_between = True
        self._exchange = None
        parts = self._parts
        exchange.finish(parts[0] if len(parts) == 1 else b"".join(parts))
        self._parts = []
        self._size = 0
        if self.is_closed:
            return
        if self._parser.should_keep_alive():
            self._transport.resume_reading()
            self._on_change(self)
        else:
            self.close()

    def _break(self, detail: str) -> None:
        if self._exchange is not None:
            self._exchange.fail(ConnectionBroken(detail, got_bytes=True))
        self.drop()

    def _ends_with_connection(self) -> bool:
        return not any(name in (b"content-length", b"transfer-encoding") for name, _ in self._headers)
