"""uvicorn's HTTP protocol, made lean and bounded: how long a head and a body may take, how big a head is.

A client that opens connections and says nothing, or dribbles its headers, is closed; one that dribbles
its body is answered so.
"""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatewayops.gateway.answer_batch import AnswerBatch
from gatewayops.gateway.cycle import Cycle
from gatewayops.gateway.head import Head, Heads
from gatewayops.gateway.short_way import ShortWay

_HEAD_S = 10.0
_HEAD_BYTES = 64 << 10
_KEEP_ALIVE_S = 75.0
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """One client connection. Times are the clock's, in seconds; `close_slow` looks at them."""

    cycle: Cycle  # type: ignore[assignment]  # ours in uvicorn's place

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - uvicorn's
        answers: AnswerBatch,
        heads: Heads,
        short_way: ShortWay,
        **kwargs: Any,  # noqa: ANN401 - uvicorn's
    ) -> None:
        """As uvicorn makes it, with where answers go and what takes whole requests first."""
        super().__init__(*args, **kwargs)
        self._answers = answers
        self._heads = heads
        self._is_between = True  # no byte of a message has reached the parser since the last whole one
        self._short_way = short_way
        self._fresh: Cycle | None = None
        self._first: Cycle | None = None  # under way while others wait behind it
        self._head_bytes = 0
        self.head_since = monotonic()  # when a head began that is not whole yet; 0 when none did
        self.request_since = 0.0  # when the newest request's head was whole
        self.idle_since = 0.0  # when the last answer left

    def data_received(self, data: bytes) -> None:
        """A request with a known head begins at once; of any other the parser finds out what it is."""
        before: Cycle | None = self.cycle
        if not self._is_between or (before is not None and not before.response_complete):
            self._parse(data, before)
            return
        body_at = data.find(b"\r\n\r\n") + 4
        head = self._heads.known(data[:body_at])
        if head is not None and len(data) - body_at == head.length:
            self._begin_known(head, data[body_at:])
            return
        fresh = self._parse(data, before)
        if fresh is not None and self._is_between and len(data) - body_at == fresh.head.length:
            self._heads.remember(data[:body_at], fresh.head)

    def _parse(self, data: bytes, before: Cycle | None) -> Cycle | None:
        """Begins what came whole. Bytes of which no request came were part of a head."""
        is_head = before is None or (before.response_complete and not before.more_body)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # none is spoken here: it is answered as HTTP
            if upgrade.args[0] < len(data) or not _is_bodiless(self.cycle.head):
                self.cycle.keep_alive = False  # the parser read no body: it would pass for the next request
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        fresh = self._fresh
        if fresh is not None:
            self._fresh = None
            if not self.transport.is_closing():
                self._begin(fresh)
        if self.cycle is not before:
            self.head_since = 0.0
            self._head_bytes = 0
        elif is_head:
            self.head_since = self.head_since or monotonic()
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self.refuse(_TOO_LARGE)
        return fresh

    def _begin_known(self, head: Head, body: bytes) -> None:
        """A whole request whose head came before, byte for byte."""
        cycle = self.cycle = Cycle(self, self._answers, head)
        cycle.body = body
        cycle.more_body = False
        cycle.set()
        self.head_since = 0.0
        self.request_since = monotonic()
        if not self._short_way.take(cycle):
            self._start_asgi_task(cycle, self.app)  # type: ignore[arg-type]  # ours in uvicorn's place

    # httptools

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self._is_between = False
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Names in lower case; what they say is read when all are there."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Begins the request, or queues it behind the one under way (pipelining)."""
        parser = self.parser
        version = parser.get_http_version()
        before: Cycle | None = self.cycle
        head = self._heads.read(parser.get_method().decode("ascii"), self.url, version, self.headers)
        cycle = self.cycle = Cycle(self, self._answers, head)
        cycle.keep_alive = version != "1.0" and parser.should_keep_alive()
        self.request_since = monotonic()
        if before is None or before.response_complete:
            self._fresh = cycle
        else:
            _heed_expect(cycle)
            self.flow.pause_reading()
            if not self.pipeline and self._first is None:
                self._first = before
            self.pipeline.appendleft((cycle, self.app))  # type: ignore[arg-type]  # the same

    def _begin(self, cycle: Cycle) -> None:
        """Once what came in is parsed: a whole request may go the short way, any other gets a task."""
        if cycle.more_body:
            _heed_expect(cycle)
        elif self._short_way.take(cycle):
            return
        self._start_asgi_task(cycle, self.app)  # type: ignore[arg-type]  # ours in uvicorn's place

    def spawn(self, walk: Awaitable[None]) -> None:
        """Goes on in a task that a drain waits for."""
        task = asyncio.ensure_future(walk)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_body(self, body: bytes) -> None:
        """A part of the body; a reader that is behind stops the client."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.set()

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._is_between = True
        self.cycle.more_body = False
        self.cycle.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the request under way too when others wait behind it: it might be a stream without end."""
        super().connection_lost(exc)
        first = self._first
        if first is not None and not first.response_complete:
            first.disconnected = True
            first.set()

    def on_response_complete(self) -> None:
        """As uvicorn's, but idleness needs no timer: `close_slow` sees it."""
        if self.pipeline or self.transport.is_closing():
            self._first = self.pipeline[-1][0] if self.pipeline else None  # type: ignore[assignment]  # the next
            super().on_response_complete()
            return
        self._first = None
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.idle_since = monotonic()

    # what is slow

    def refuse(self, answer: bytes) -> None:
        """Says why and closes."""
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

    def is_idle_since(self, then: float) -> bool:
        """Whether nothing has happened here since `then`: no request under way, no head begun."""
        cycle: Cycle | None = self.cycle
        return (
            cycle is not None and cycle.response_complete and not self.head_since and self.idle_since < then
        )

    def end_slow_body(self, then: float) -> None:
        """A body that began before `then` and is not whole is waited for no longer."""
        cycle: Cycle | None = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_started and self.request_since < then:
            cycle.call_late()


def _is_bodiless(head: Head) -> bool:
    headers = head.headers
    return (
        head.method != "CONNECT" and b"content-length" not in headers and b"transfer-encoding" not in headers
    )


def _heed_expect(cycle: Cycle) -> None:
    """A client may wait to be asked for its body (RFC 9110, 10.1.1)."""
    if any(name == b"expect" and value.lower() == b"100-continue" for name, value in cycle.head.lines):
        cycle.expect_continue()


def close_slow(connections: "set[Any]", *, body_timeout_s: float) -> None:
    """Ends what is slow: heads, bodies, and connections that have been idle for long."""
    now = monotonic()
    for connection in list(connections):
        if not isinstance(connection, BoundedHttp):
            continue
        if connection.head_since and now - connection.head_since > _HEAD_S:
            connection.refuse(_TOO_SLOW)
        elif connection.is_idle_since(now - _KEEP_ALIVE_S):
            if connection.transport.get_write_buffer_size():
                connection.transport.abort()  # an ordinary close would wait for the last answer to be read
            else:
                connection.transport.close()
        else:
            connection.end_slow_body(now - body_timeout_s)
