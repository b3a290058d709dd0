"""uvicorn's HTTP protocol with two bounds that it lacks: how long a request's head may take, how big it is.

A client that opens connections and says nothing, or dribbles its headers, is closed.
"""

import asyncio
from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatewayops.gateway.answer_batch import AnswerBatch
from gatewayops.gateway.call import IS_LATE

_HEAD_S = 10.0
_KEEP_ALIVE_S = 75.0
_HEAD_BYTES = 64 << 10
_REST_BYTES = 16 << 20  # of a body that was refused before it was whole; the client must get to the answer
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class OneWrite:
    """A transport whose answers leave in one write, head and body together, at the end of the loop's turn.

    uvicorn writes them apart; each write costs a system call and may wake the client. An empty write
    sends a head on its way alone, as a stream needs it.
    """

    def __init__(self, transport: asyncio.Transport, batch: AnswerBatch) -> None:
        """Everything but `write` and `close` is the transport's own."""
        self._transport = transport
        self._batch = batch
        self._head = b""

    def write(self, data: bytes) -> None:
        """Keeps a head, joins what follows it."""
        head = self._head
        if head:
            self._head = b""
            self._batch.put(self._transport, head + data)
        elif data[:9] == b"HTTP/1.1 " and data[9:12] != b"100":
            self._head = data
        elif data:
            self._batch.put(self._transport, data)

    def flush(self) -> None:
        """Sends a head that no body follows."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Nothing stays behind."""
        self.flush()
        self._batch.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transport has
        """The transport's own."""
        return getattr(self._transport, name)


class BoundedHttp(HttpToolsProtocol):
    """One client connection. Times are the clock's, in seconds; `close_slow` looks at them."""

    def __init__(self, *args: Any, answers: AnswerBatch, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        """As uvicorn makes it, with where answers go."""
        super().__init__(*args, **kwargs)
        self._answers = answers

    head_since = 0.0  # when a head began that is not whole yet; 0 when none did
    request_since = 0.0  # when the newest request's head was whole
    idle_since = 0.0  # when the last answer left
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """The first head is owed from now on."""
        self._one_write = OneWrite(transport, self._answers)
        super().connection_made(self._one_write)  # type: ignore[arg-type]  # a transport in all that counts
        self.head_since = monotonic()

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; then, when no request came of it and none is under way, it was part of a head."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self.head_since = 0.0
            self._head_bytes = 0
            self.request_since = monotonic()
        elif before is None or before.response_complete:
            self.head_since = self.head_since or monotonic()
            self._head_bytes += len(data)
            is_rest = before is not None and before.more_body
            if self._head_bytes > (_REST_BYTES if is_rest else _HEAD_BYTES):
                self.refuse(_TOO_LARGE)

    def on_response_complete(self) -> None:
        """As uvicorn's, but an answer without a body (to HEAD) leaves too, and idleness needs no timer."""
        self._one_write.flush()
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.idle_since = monotonic()

    def refuse(self, answer: bytes) -> None:
        """Says why and closes."""
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

    def is_idle_since(self, then: float) -> bool:
        """Whether nothing has happened here since `then`: no request under way, no head begun."""
        is_free = self.cycle is not None and self.cycle.response_complete and not self.head_since
        return is_free and self.idle_since < then

    def end_slow_body(self, then: float) -> None:
        """A body that began before `then` and is not whole is called late: its reader gets what there is."""
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_started and self.request_since < then:
            cycle.scope["state"][IS_LATE] = True
            cycle.keep_alive = False
            cycle.more_body = False
            cycle.message_event.set()


def close_slow(connections: "set[Any]", *, body_timeout_s: float) -> None:
    """Ends what is slow: heads, bodies, and connections that have been idle for long."""
    now = monotonic()
    for connection in list(connections):
        if not isinstance(connection, BoundedHttp):
            continue
        if connection.head_since and now - connection.head_since > _HEAD_S:
            connection.refuse(_TOO_SLOW)
        elif connection.is_idle_since(now - _KEEP_ALIVE_S):
            connection.transport.close()
        else:
            connection.end_slow_body(now - body_timeout_s)
