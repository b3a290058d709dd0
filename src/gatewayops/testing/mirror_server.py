"""MirrorServer: a small MCP server of the modern revision that answers with what it is sent.

For proofs over the whole product: it is light, it runs in a thread of the test, and it can answer as
JSON, as a stream, with errors of every kind, always with the caller's own text in them. Unlike a real
server it knows no schemas and takes any tool name: `stream…`, `refuse…`, `fail…`, `status…`, `garbage…`
choose how it answers, everything else is echoed.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import uvicorn

from gatewayops.testing.peer_process import PeerFailed, free_port

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_START_S = 10.0
_STOP_S = 5.0
_INFO = {"name": "mirror", "version": "1"}


class MirrorServer:
    """`seen` holds the headers of every request, for tests that ask what went out."""

    def __init__(self, *, piece_pause_s: float = 0.01) -> None:
        """Starts nothing yet. `piece_pause_s`: how long a stream rests after each half of an event."""
        self._piece_pause_s = piece_pause_s
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.seen: list[dict[str, str]] = []

    @contextlib.contextmanager
    def running(self) -> Iterator["MirrorServer"]:
        """Serves in a thread until the block ends. Raises PeerFailed."""
        config = uvicorn.Config(
            self._answer, interface="asgi3", host="127.0.0.1", port=self.port, lifespan="off",
            log_config=None, access_log=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, name="mirror", daemon=True)
        thread.start()
        wait = threading.Event()
        for _ in range(int(_START_S / 0.02)):
            if server.started:
                break
            wait.wait(0.02)
        else:
            msg = "the mirror server did not start"
            raise PeerFailed(msg)
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(_STOP_S)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        )
        del self.seen[:-100]
        message = await _message(receive)
        if scope["method"] != "POST" or "id" not in message:
            await _send(send, 202 if scope["method"] == "POST" else 405, b"")
            return
        params = message.get("params", {})
        tool = str(params.get("name", ""))
        answer = {"jsonrpc": "2.0", "id": message["id"], **_outcome(message["method"], tool, params)}
        text = json.dumps(params.get("arguments", params))
        if tool.startswith("status"):
            await _send(send, 500, text.encode(), location=text)
        elif tool.startswith("garbage"):
            await _send(send, 200, b"no JSON: " + text.encode())
        elif tool.startswith("stream"):
            await _stream(send, answer, text, self._piece_pause_s)
        else:
            await _send(send, 200, json.dumps(answer).encode())


def _outcome(method: str, tool: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "server/discover":
        discovered = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0}
        return {"result": {"resultType": "complete", **discovered, "_meta": _meta()}}
    if method == "tools/list":
        tools = [{"name": "echo", "inputSchema": {"type": "object"}}]
        return {"result": {"resultType": "complete", "tools": tools, "ttlMs": 0, "cacheScope": "private"}}
    arguments = params.get("arguments", params)
    if "refuse" in tool:
        return {"error": {"code": -32000, "message": f"refused: {json.dumps(arguments)}", "data": arguments}}
    content = [{"type": "text", "text": json.dumps(arguments)}]
    is_error = "fail" in tool
    result = {"content": content, "structuredContent": {"mirrored": arguments}, "isError": is_error}
    return {"result": {"resultType": "complete", **result, "_meta": _meta()}}


def _meta() -> dict[str, Any]:
    return {"io.modelcontextprotocol/serverInfo": _INFO}


async def _message(receive: Receive) -> dict[str, Any]:
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    try:
        message: dict[str, Any] = json.loads(body)
    except ValueError:
        return {}
    return message


async def _send(send: Send, status: int, body: bytes, *, location: str = "") -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if location:
        headers.append((b"location", location.encode("ascii", "replace")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, answer: dict[str, Any], text: str, pause_s: float) -> None:
    """Two notifications, then the answer, each in two pieces."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    )
    said = {"level": "info", "data": text}
    note = {"jsonrpc": "2.0", "method": "notifications/message", "params": said}
    for message in (note, note, answer):
        event = f"event: message\ndata: {json.dumps(message)}\n\n".encode()
        middle = len(event) // 2
        for piece in (event[:middle], event[middle:]):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(pause_s)
    await send({"type": "http.response.body", "body": b""})
