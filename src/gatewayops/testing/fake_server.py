"""FakeServer: a scripted HTTP server on raw sockets, to stand behind a gateway where a real server would.

It differs from a real MCP server in that it understands nothing: a script (an async function) gets each
request and writes the bytes of the answer, so it can also do what no library lets a server do: answer in
pieces behind gates, garble, break off, reset, never end. Every request is kept as it came over the wire.
"""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Headers = Iterable[tuple[str, str]]

_LINGER_OFF = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Received:
    """One request as it came; header names keep their spelling and their order."""

    verb: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int  # which connection it came on, counted from 1

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The only value of a header; None when it is absent, an error when it came twice."""
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def method(self) -> str:
        """The JSON-RPC method; empty when the body has none."""
        return str(self.json.get("method", "")) if self.body else ""


@dataclass
class Turn:
    """A request and the connection on which a script answers it."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_over: bool = False

    async def write(self, raw: bytes) -> None:
        """Any bytes at all."""
        self.writer.write(raw)
        await self.writer.drain()

    async def answer(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Headers = (),
    ) -> None:
        """A whole answer with a length."""
        lines = [("content-type", content_type), ("content-length", str(len(body))), *headers]
        await self.write(_head(status, lines) + body)

    async def reply(self, result: object = None, *, status: int = 200, headers: Headers = ()) -> None:
        """A JSON-RPC result for the request's id."""
        await self.answer(encoded(self.message(result)), status=status, headers=headers)

    async def fail(self, code: int, message: str, *, status: int = 200) -> None:
        """A JSON-RPC error for the request's id."""
        error = {"code": code, "message": message}
        body = encoded({"jsonrpc": "2.0", "id": self.request.json.get("id"), "error": error})
        await self.answer(body, status=status)

    def message(self, result: object = None) -> dict[str, object]:
        """The JSON-RPC result as a message; what a stream's last event holds."""
        found = {} if result is None else result
        return {"jsonrpc": "2.0", "id": self.request.json.get("id"), "result": found}

    async def open_stream(self, *, status: int = 200, headers: Headers = ()) -> None:
        """The head of a chunked event stream."""
        lines = [("content-type", "text/event-stream"), ("transfer-encoding", "chunked"), *headers]
        await self.write(_head(status, lines))

    async def chunk(self, raw: bytes) -> None:
        """One HTTP chunk, whatever it holds."""
        await self.write(b"%x\r\n%b\r\n" % (len(raw), raw))

    async def event(self, message: object) -> None:
        """One server-sent event in a chunk of its own."""
        await self.chunk(b"event: message\ndata: " + encoded(message) + b"\n\n")

    async def end_stream(self) -> None:
        """The last chunk."""
        await self.write(b"0\r\n\r\n")

    async def hung_up(self) -> None:
        """Returns when the other side has closed the connection."""
        try:
            while await self.reader.read(1024):
                pass
        except ConnectionError:
            pass
        self.is_over = True

    def close(self) -> None:
        """Ends the connection, in the ordinary way."""
        self.is_over = True
        self.writer.close()

    def reset(self) -> None:
        """Ends the connection with a TCP reset."""
        self.is_over = True
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
        self.writer.transport.abort()


Script = Callable[[Turn], Awaitable[None]]


async def echo(turn: Turn) -> None:
    """The script to begin with: a request is answered with its own params, a notification with 202."""
    message = turn.request.json if turn.request.body else {}
    if "id" in message and "method" in message:
        await turn.reply({"echo": message.get("params")})
    else:
        await turn.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")


def by_method(scripts: Mapping[str, Script], *, otherwise: Script = echo) -> Script:
    """A script that looks up another by the JSON-RPC method (`GET`, `DELETE` for requests without one)."""

    async def script(turn: Turn) -> None:
        await scripts.get(turn.request.method or turn.request.verb, otherwise)(turn)

    return script


@dataclass
class FakeServer:
    """`async with FakeServer() as server`; scripts that raise fail the test when it ends."""

    script: Script = echo
    tls: ssl.SSLContext | None = None
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _failures: list[Exception] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> "FakeServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if self._failures:
            raise self._failures[0]

    async def stop(self) -> None:
        """Closes the door and every connection; entering again opens the same port."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Its MCP endpoint."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/mcp"

    @property
    def last(self) -> Received:
        """The newest request."""
        return self.requests[-1]

    def methods(self) -> list[str]:
        """The JSON-RPC methods that came, in order; HTTP verbs of requests without a body."""
        return [request.method or request.verb for request in self.requests]

    async def received(self, count: int) -> None:
        """Waits until so many requests have come."""
        while len(self.requests) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._answer_all(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the gateway closes when it likes
        except Exception as error:  # noqa: BLE001 - a script's failed assertion must reach the test
            self._failures.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        while (request := await _read(reader, connection)) is not None:
            self.requests.append(request)
            self._arrived.set()
            turn = Turn(request, reader, writer)
            await self.script(turn)
            if turn.is_over:
                return


def encoded(message: object) -> bytes:
    """JSON as most servers write it, without spaces."""
    return json.dumps(message, separators=(",", ":")).encode()


def _head(status: int, lines: Headers) -> bytes:
    head = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in lines)]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")


async def _read(reader: asyncio.StreamReader, connection: int) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    verb, target, _ = first.split(" ", 2)
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Received(verb, target, headers, await reader.readexactly(length), connection)
