"""One request and its answer on a connection: ASGI's receive and send, as lean as the path of a call needs.

Takes the place of uvicorn's RequestResponseCycle under uvicorn's own protocol class: head and body leave
in one write, and headers are not checked again (they are ours, or came through a strict HTTP parser).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from gatewayops.gateway.answer_batch import AnswerBatch
from gatewayops.gateway.call import Receive, Scope, Send
from gatewayops.gateway.head import Head

log = logging.getLogger(__name__)

App = Callable[[Scope, Receive, Send], Awaitable[None]]

_STATUS_LINE = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
WRITE_STALL_S = 30.0  # a reader that takes nothing for so long is taken for gone
_NO_BODY = frozenset({204, 304})
_DISCONNECT = {"type": "http.disconnect"}
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Http(Protocol):
    """What it needs of its connection (see wire.py)."""

    transport: asyncio.Transport
    flow: FlowControl
    scheme: Any
    client: Any
    server: Any

    def spawn(self, walk: Awaitable[None]) -> None:
        """Goes on in a task that a drain waits for."""

    def on_response_complete(self) -> None:
        """The answer is out."""


class Cycle:
    """The names without underscore are those that uvicorn's protocol class uses, and what the doors read."""

    __slots__ = (
        "_answers",
        "_head",
        "_http",
        "_is_chunked",
        "_is_set",
        "_waiter",
        "_wants_continue",
        "body",
        "disconnected",
        "head",
        "is_late",
        "keep_alive",
        "more_body",
        "response_complete",
        "response_started",
    )

    def __init__(self, http: Http, answers: AnswerBatch, head: Head) -> None:
        """A request whose head is read; `http` is its connection."""
        self._http = http
        self._answers = answers
        self.head = head
        self._waiter: asyncio.Future[None] | None = None
        self._is_set = False
        self._wants_continue = False
        self._head = b""
        self._is_chunked = True
        self.body = b""
        self.more_body = True
        self.keep_alive = True
        self.is_late = False
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    @property
    def transport(self) -> asyncio.Transport:
        """The connection's."""
        return self._http.transport

    @property
    def client(self) -> str:
        """The client's address; empty when it has none."""
        client = self._http.client
        return client[0] if client else ""

    def spawn(self, walk: Awaitable[None]) -> None:
        """Goes on in a task that a drain waits for."""
        self._http.spawn(walk)

    def scope(self) -> Scope:
        """ASGI's view of it."""
        head = self.head
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": head.protocol,
            "method": head.method,
            "scheme": self._http.scheme,
            "path": head.path,
            "raw_path": head.raw_path,
            "query_string": head.query,
            "headers": head.lines,
            "client": self._http.client,
            "server": self._http.server,
            "cycle": self,
        }

    @property
    def message_event(self) -> "Cycle":
        """Itself: `set` wakes `receive`."""
        return self

    def set(self) -> None:
        """There is news for `receive`: a part of the body, its end, or the client's hang-up."""
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def expect_continue(self) -> None:
        """The client waits to be asked for its body."""
        self._wants_continue = True

    def call_late(self) -> None:
        """Nobody waits for the rest of the body any more; the connection ends with the answer."""
        self.is_late = True
        self.keep_alive = False
        self.more_body = False
        self.set()

    async def run_asgi(self, app: App) -> None:
        """Runs the application; a bug of ours that escapes it ends the connection."""
        try:
            await app(self.scope(), self.receive, self.send)
        except Exception:
            log.exception("a request failed inside the gateway")
        if not self.response_complete and not self.disconnected:
            if not self.response_started:
                self.transport.write(_BROKEN)
            self.transport.close()

    async def receive(self) -> dict[str, Any]:
        """The next part of the body; `http.disconnect` when the client is gone or the answer is out."""
        if self._wants_continue:
            self._wants_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.disconnected and not self.response_complete:
            self._http.flow.resume_reading()
            if not self._is_set:
                self._waiter = self._answers.loop.create_future()
                await self._waiter
            self._is_set = False
        if self.disconnected or self.response_complete:
            return _DISCONNECT
        body = self.body
        self.body = b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def whole_body(self) -> bytes | None:
        """The body, when all of it is here and nothing of it was taken; else None."""
        if self.more_body or not self._is_set or self.disconnected or self.is_late:
            return None
        self._is_set = False
        body = self.body
        self.body = b""
        return body

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """The whole answer in one write, without waiting for a slow client; `lines` are its header lines."""
        if self.disconnected or self.response_complete:
            return
        if self.response_started:  # a stream that a bug of ours ends: a second head would be read as its data
            self.keep_alive = False
            self._finish()
            return
        self.response_started = True
        self._wants_continue = False
        if not self.keep_alive:
            lines += b"connection: close\r\n"
        if status not in _NO_BODY:
            lines += b"content-length: %d\r\n" % len(body)
        if self.head.method == "HEAD":
            body = b""
        self._answers.put(self._http.transport, b"".join((_STATUS_LINE[status], lines, b"\r\n", body)))
        self._finish()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - an ASGI message
        """Takes the head, then the body in parts; parts without a known length leave as chunks."""
        if self._http.flow.write_paused and not self.disconnected:
            await self._caught_up()
        if self.disconnected or self.response_complete:
            return
        if not self.response_started:
            self._start(message["status"], message["headers"])
            return
        body: bytes = message["body"]
        is_last = not message.get("more_body")
        if self._is_chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"0\r\n\r\n" if is_last else b"")
        if self._head:
            body = self._head + body
            self._head = b""
        if body:
            self._answers.put(self.transport, body)
        if is_last:
            self._finish()

    async def _caught_up(self) -> None:
        """Waits for a slow reader; one that takes nothing for `WRITE_STALL_S` counts as gone."""
        flow, transport = self._http.flow, self.transport
        while flow.write_paused and not self.disconnected:
            left = transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(WRITE_STALL_S):
                    await flow.drain()
            except TimeoutError:
                if transport.get_write_buffer_size() >= left:
                    transport.abort()  # told to `receive` as any hang-up, which ends the call
                    await flow.drain()

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.response_started = True
        self._wants_continue = False
        parts = [_STATUS_LINE[status], *[b"%b: %b\r\n" % header for header in headers]]
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        has_length = any(name == b"content-length" for name, _ in headers)
        self._is_chunked = not (has_length or status in _NO_BODY or self.head.protocol == "1.0")
        if self._is_chunked:
            parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(b"\r\n")
        self._head = b"".join(parts)

    def _finish(self) -> None:
        self.response_complete = True
        if self._waiter is not None:
            self.set()
        if not self.keep_alive:
            self._answers.flush()
            self.transport.close()
        self._http.on_response_complete()
