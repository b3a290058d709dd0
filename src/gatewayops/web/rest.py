"""The REST API, asked within the process on behalf of the person whose page it is.

Their cookie, address and Origin go along, so the API authenticates, authorises and audits as if the browser
had asked it. Pages never call anything else.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gatewayops.web.passing import Passed

Json = dict[str, Any]

_GOES_ALONG = (
    b"cookie",
    b"origin",
    b"host",
    b"user-agent",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
)
_DOTS = {".": "%2E", "..": "%2E%2E"}  # which clients take for steps
_SAID_AS_ITSELF = 400


class Refused(Exception):
    """What the API answered instead: `status` (HTTP), `reason` (stable code) and `message` (what to do)."""

    def __init__(self, status: int, body: Json) -> None:
        """`body` is the API's error as docs/api.md describes it."""
        self.status = status
        self.reason = str(body.get("reason") or body.get("error") or "")
        self.message = str(body.get("message") or "the API answered nothing that can be read")
        self.body = body
        super().__init__(self.message)


class Rest:
    """The API for one request of a browser."""

    def __init__(self, app: ASGIApp, request: Request) -> None:
        """`app` is the API; `request` is the browser's."""
        client = request.client
        peer = (client.host, client.port) if client else ("127.0.0.1", 0)
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=peer)
        self._headers = [line for line in request.headers.raw if line[0] in _GOES_ALONG]
        self._base = f"{request.url.scheme}://localhost"  # the Host goes along, whatever it is

    async def get(self, path: str, **query: object) -> Json:
        """The JSON at `path`; what is None or empty in `query` is left out. Raises Refused."""
        return await self._ask("GET", path, query=query)

    async def send(
        self, method: str, path: str, body: object = None, *, form_token: str, query: Json | None = None
    ) -> Json:
        """A change; `form_token` is the one that our page carried. Nothing but {} for 204. Raises Refused."""
        headers = {"x-gatewayops-token": form_token}
        return await self._ask(method, path, query=query or {}, body=body, headers=headers)

    def download(
        self,
        method: str,
        path: str,
        body: object,
        *,
        form_token: str,
        refused: Callable[["Refused"], Response],
    ) -> Response:
        """A change's answer that is no JSON, as it comes; `refused` draws what the API says instead."""
        asking = self._request(method, path, {}, body=body, headers={"x-gatewayops-token": form_token})
        return Passed(
            self._transport.app,
            asking,
            self._transport.client,
            lambda status, content: refused(Refused(status, _json(content))),
        )

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Json,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Json:
        request = self._request(method, path, query, body=body, headers=headers)
        answer = await self._transport.handle_async_request(request)
        await answer.aread()
        found = _json(answer.content)
        if answer.status_code >= _SAID_AS_ITSELF:
            raise Refused(answer.status_code, found)
        return found

    def _request(
        self,
        method: str,
        path: str,
        query: Json,
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Request:
        asked = {name: value for name, value in query.items() if value not in (None, "", [])}
        return httpx.Request(
            method,
            self._base + path,
            params=asked,
            headers=[
                *self._headers,
                *((name.encode(), text.encode()) for name, text in (headers or {}).items()),
            ],
            json=body,
        )


def segment(text: str) -> str:
    """A name or id as one part of a path, whatever it holds."""
    return _DOTS.get(text) or quote(text, safe="")


def _json(content: bytes) -> Json:
    if not content:
        return {}
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {"rows": found}
