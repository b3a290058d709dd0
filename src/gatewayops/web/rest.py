"""The REST API, asked within the process on behalf of the person whose page it is.

Their cookie, address and Origin go along, so the API authenticates, authorises and audits as if the browser
had asked it. Pages never call anything else.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gatewayops.identity.same_visit import SameVisit
from gatewayops.web.inner_call import Asker, Header, InnerCall, encoded_body, encoded_query
from gatewayops.web.passing import Passed

Json = dict[str, Any]

_DOTS = {".": "%2E", "..": "%2E%2E"}  # which clients take for steps
_SAID_AS_ITSELF = 400
RECENT_S = 15
_MAY_BE_OLD = (b"cache-control", f"max-age={RECENT_S}".encode())


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
        self._app = app
        self._asker = Asker.of(request)
        self._visit = SameVisit()

    async def get(self, path: str, **query: object) -> Json:
        """The JSON at `path`; what is None or empty in `query` is left out. Raises Refused."""
        return await self._ask(self._call("GET", path, query, visit=self._visit))

    async def recent(self, path: str, **query: object) -> Json:
        """The same for figures that many look at: as they were a quarter of a minute ago at most."""
        return await self._ask(self._call("GET", path, query, _MAY_BE_OLD, visit=self._visit))

    async def send(
        self, method: str, path: str, body: object = None, *, form_token: str, query: Json | None = None
    ) -> Json:
        """A change; `form_token` is the one that our page carried. Nothing but {} for 204. Raises Refused."""
        self._visit = SameVisit()  # a change may end what was known
        call = self._call(method, path, query or {}, _form(form_token), body=body)
        try:
            return await self._ask(call)
        finally:
            self._visit = SameVisit()

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
        return Passed(
            self._app,
            self._call(method, path, {}, _form(form_token), body=body),
            lambda status, content: refused(Refused(status, _json(content))),
        )

    async def _ask(self, call: InnerCall) -> Json:
        status, content = await call.answer(self._app)
        found = _json(content)
        if status >= _SAID_AS_ITSELF:
            raise Refused(status, found)
        return found

    def _call(
        self,
        method: str,
        path: str,
        query: Json,
        *headers: Header,
        body: object = None,
        visit: SameVisit | None = None,
    ) -> InnerCall:
        content, described = encoded_body(body)
        asked = encoded_query(query)
        return InnerCall(
            method,
            path,
            asked,
            (*described, *headers),
            content,
            self._asker,
            visit.in_scope() if visit else {},
        )


def _form(token: str) -> Header:
    return b"x-gatewayops-token", token.encode()


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
