"""An answer of the API that may be larger than one wants to keep: passed on to the browser as it comes."""

from collections.abc import Callable
from typing import Any

import httpx
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEPT = (b"content-type", b"content-length", b"content-disposition")
_OURS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_FIRST_REFUSAL = 400


class Passed(Response):
    """Asks when it is sent. Where the API refuses, `refused` makes the answer of status and body."""

    def __init__(
        self,
        app: ASGIApp,
        asking: httpx.Request,
        client: tuple[str, int],
        refused: Callable[[int, bytes], Response],
    ) -> None:
        """`app` is the API, `client` the browser's address."""
        super().__init__()
        self._app, self._asking, self._client, self._refused = app, asking, client, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Each part goes to the browser before the next is made."""
        sent = [self._asking.read()]
        status, refusal = 0, bytearray()

        async def give() -> Message:
            if sent:
                return {"type": "http.request", "body": sent.pop(), "more_body": False}
            return await receive()

        async def take(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [line for line in message["headers"] if line[0].lower() in _KEPT]
                message = {**message, "headers": [*headers, *_OURS]}
            elif status >= _FIRST_REFUSAL:
                refusal.extend(message.get("body", b""))
            if status < _FIRST_REFUSAL:
                await send(message)

        try:
            await self._app(self._scope(), give, take)
        except Exception:
            if status < _FIRST_REFUSAL:
                raise
        if status >= _FIRST_REFUSAL:
            await self._refused(status, bytes(refusal))(scope, receive, send)

    def _scope(self) -> dict[str, Any]:
        url = self._asking.url
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._asking.method,
            "headers": [(name.lower(), value) for name, value in self._asking.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": self._client,
            "root_path": "",
        }
