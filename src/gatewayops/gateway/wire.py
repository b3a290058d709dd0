"""uvicorn's HTTP protocol with two bounds that it lacks: how long a request's head may take, how big it is.

A client that opens connections and says nothing, or dribbles its headers, is closed.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD_S = 10.0
_HEAD_BYTES = 64 << 10
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class OneWrite:
    """A transport that keeps the head of an answer until its body comes, so that both leave in one write.

    uvicorn writes them apart; each write costs a system call and wakes the client. An empty write sends
    a head on its way alone, as a stream needs it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        """Everything but `write` and `close` is the transport's own."""
        self._transport = transport
        self._write = transport.write
        self._head = b""

    def write(self, data: bytes) -> None:
        """Keeps a head, joins what follows it."""
        head = self._head
        if head:
            self._head = b""
            self._write(head + data)
        elif data[:9] == b"HTTP/1.1 " and data[9:12] != b"100":
            self._head = data
        elif data:
            self._write(data)

    def flush(self) -> None:
        """Sends a head that no body follows."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Nothing stays behind."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transport has
        """The transport's own."""
        return getattr(self._transport, name)


class BoundedHttp(HttpToolsProtocol):
    """One client connection. `head_since` is the loop's time at which the head began, 0 when it is read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        """As uvicorn makes it."""
        super().__init__(*args, **kwargs)
        self.head_since = 0.0
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """The first head is owed from now on."""
        self._one_write = OneWrite(transport)
        super().connection_made(self._one_write)  # type: ignore[arg-type]  # a transport in all that counts
        self.head_since = self.loop.time()

    def on_message_begin(self) -> None:
        """A request's first byte."""
        super().on_message_begin()
        self.head_since = self.loop.time()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head is read."""
        self.head_since = 0.0
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """An answer without a body (to HEAD) leaves too."""
        self._one_write.flush()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        """Counts bytes as long as the head is not whole."""
        super().data_received(data)
        if self.head_since:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self.refuse(_TOO_LARGE)

    def refuse(self, answer: bytes) -> None:
        """Says why and closes."""
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def close_slow(connections: "set[Any]", now: float) -> None:
    """Closes the connections whose head takes too long; `now` is the loop's time."""
    for connection in list(connections):
        begun = connection.head_since if isinstance(connection, BoundedHttp) else 0.0
        if begun and now - begun > _HEAD_S:
            connection.refuse(_TOO_SLOW)
