"""One request to the API within the process: what the browser's request lends it, and no more of that."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GOES_ALONG = frozenset(
    (
        b"cookie",
        b"origin",
        b"host",
        b"user-agent",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
    )
)
_NOBODY = ("127.0.0.1", 0)
_NO_HOST = (b"host", b"localhost")
_FAILED = 500
_OF_A_PATH = "/%:@!$&'()*+,;=~"
_WORDS = {True: "true", False: "false"}

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom: their address, scheme, and the header lines that go along."""

    client: tuple[str, int]
    scheme: str
    headers: tuple[Header, ...]

    @classmethod
    def of(cls, request: Request) -> "Asker":
        """The browser that sent this request."""
        headers = tuple(line for line in request.headers.raw if line[0] in _GOES_ALONG)
        if all(name != b"host" for name, _ in headers):
            headers = (*headers, _NO_HOST)
        client = request.client
        return cls((client.host, client.port) if client else _NOBODY, request.url.scheme, headers)


@dataclass(frozen=True, slots=True)
class InnerCall:
    """What is asked. `more` are keys of its own for the ASGI scope, where no client can put any."""

    method: str
    path: str  # each part quoted
    query: bytes
    headers: tuple[Header, ...]
    body: bytes
    asker: Asker
    more: Mapping[str, object]

    def scope(self) -> Scope:
        """As a server would make it."""
        raw_path = quote(self.path, safe=_OF_A_PATH)
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "headers": [*self.asker.headers, *self.headers],
            "scheme": self.asker.scheme,
            "path": unquote(raw_path),
            "raw_path": raw_path.encode(),
            "query_string": self.query,
            "server": ("localhost", None),
            "client": self.asker.client,
            "root_path": "",
            **self.more,
        }

    async def pass_on(self, app: ASGIApp, receive: Receive, send: Send) -> None:
        """The answer goes to `send` as it comes; once the body is sent, `receive` says whether they left."""
        bodies = [self.body]

        async def give() -> Message:
            if bodies:
                return {"type": "http.request", "body": bodies.pop(), "more_body": False}
            return await receive()

        await app(self.scope(), give, send)

    async def answer(self, app: ASGIApp) -> tuple[int, bytes]:
        """Status and body, read as a whole; what the app fails with is a 500."""
        status, parts, ended = 0, [], asyncio.Event()

        async def stay() -> Message:
            await ended.wait()
            return {"type": "http.disconnect"}

        async def take(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    ended.set()

        try:
            await self.pass_on(app, stay, take)
        except Exception:  # noqa: BLE001 - the API has logged it, as for any client
            status = status or _FAILED
        return status, b"".join(parts)


def encoded_query(query: Mapping[str, object]) -> bytes:
    """What is None or empty is left out; of a list each."""
    asked: list[tuple[str, Any]] = []
    for name, value in query.items():
        if isinstance(value, bool):
            asked.append((name, _WORDS[value]))
        elif value not in (None, "", []):
            several = value if isinstance(value, (list, tuple)) else (value,)
            asked.extend((name, one) for one in several)
    return urlencode(asked).encode()


def encoded_body(body: object) -> tuple[bytes, tuple[Header, ...]]:
    """As JSON, with the lines that tell of it; None is no body."""
    if body is None:
        return b"", ()
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    length = str(len(content)).encode()
    return content, ((b"content-type", b"application/json"), (b"content-length", length))
