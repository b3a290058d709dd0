"""The outermost door: one raw ASGI callable that says where each path leads and answers what went wrong.

No framework and no middleware stack stands on the path of a call.
"""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress

import msgspec

from gatewayops.base.errors import Forbidden, GatewayOpsError, NotFound
from gatewayops.gateway import answers, pages, token_check
from gatewayops.gateway.call import Call, ClientGone, Outcome, Receive, Scope, Send
from gatewayops.gateway.call_log import CallLog
from gatewayops.gateway.forward import Forwarder
from gatewayops.gateway.head import Head
from gatewayops.gateway.hosts import HostCheck
from gatewayops.gateway.identity_header import JWKS_PATH, IdentityHeader
from gatewayops.gateway.live import Live
from gatewayops.gateway.mcp_door import McpDoor, MethodNotAllowed
from gatewayops.gateway.rest_door import ROUTES, RestDoor
from gatewayops.gateway.short_way import ShortWay
from gatewayops.gateway.siblings import Siblings
from gatewayops.protocol import otlp, scraping
from gatewayops.record.spool import SpoolBroken
from gatewayops.store import oauth_addresses

log = logging.getLogger(__name__)

_CALLS = "/v1/mcp/"
_METADATA = oauth_addresses.METADATA + _CALLS
_encode = msgspec.json.Encoder().encode


class ReadOnly(MethodNotAllowed):
    """A page of metadata asked with another method."""

    headers = (("Allow", "GET"),)


class Door:
    """What uvicorn calls. One a worker."""

    def __init__(
        self,
        live: Live,
        log_of_calls: CallLog,
        workers: Siblings,
        hosts: HostCheck,
        identity: IdentityHeader | None,
        *,
        metrics_token: str,
    ) -> None:
        """`open_to` adds where the paths lead; `identity` is what says to servers who is calling."""
        self._identity = identity
        self._live = live
        self._calls = log_of_calls
        self._workers = workers
        self._hosts = hosts
        self._metrics_token = metrics_token
        self._tokens = token_check.TokenCheck(live)
        self.is_draining = False

    def open_to(self, mcp: McpDoor, rest: RestDoor, forward: Forwarder, short_way: ShortWay) -> None:
        """Says where MCP calls, REST calls and everything else go."""
        self.short_way = short_way
        short_way.lead(self._refuse, self._guard)
        self._mcp = mcp
        self._rest = rest
        self._forward = forward

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """ASGI 3."""
        path: str = scope["path"]
        if path.startswith(_CALLS):
            return self._call(scope)
        if path == "/v1/health":
            return _plain(send, 200, _encode({"status": "ok"}))
        if path == "/v1/ready":
            return self._ready(send)
        if path == "/metrics":
            return self._show_metrics(scope, send)
        if path.startswith(_METADATA) or path == JWKS_PATH:
            return self._describe(scope, send)
        return self._other(scope, receive, send)

    async def _call(self, scope: Scope) -> None:
        server, _, route = scope["path"][len(_CALLS) :].partition("/")
        call = Call(scope["cycle"], server, "rest" if route else "mcp")
        if call.head.origin and call.head.host_fault is None and self._lets_page_in(call):
            await _plain(call.cycle.send, 204, b"", extra=pages.preflight(call.page))
            return
        await self._guard(call, self._walk(call, route))

    def _lets_page_in(self, call: Call) -> bool:
        """Notes that a page may call; whether it only asks for that yet (a preflight)."""
        head = call.head
        if not head.is_foreign or self._live.pages.may_call(call.server_name, head.origin):
            call.page = head.origin
        return bool(call.page) and pages.is_preflight(head.method, head.headers)

    async def _walk(self, call: Call, route: str) -> None:
        if call.head.host_fault is not None:
            raise call.head.host_fault
        if not self._calls.is_healthy:
            self._calls.probe()
        if not route:
            await self._mcp.handle(call)
        elif route in ROUTES:
            await self._rest.handle(call, route)
        else:
            # it stays unsaid: it may be the end of a secret with a slash in it, which no mask finds
            raise NotFound("there is no such route here; calls go to tools/call and its siblings")

    async def _guard(self, call: Call, walk: Awaitable[None]) -> None:
        """Answers and records whatever `walk` raises."""
        try:
            await walk
        except asyncio.CancelledError:
            self._calls.write(call, Outcome.of(ClientGone("the gateway stopped before the answer")))
            raise
        except Exception as error:  # noqa: BLE001 - the outermost door
            self._refuse(call, error)

    def _refuse(self, call: Call, error: Exception) -> None:
        if not isinstance(
            error, GatewayOpsError
        ):  # a bug of ours must neither stay unseen nor show its insides
            log.error("a call failed inside the gateway", exc_info=error)
            error = GatewayOpsError("something went wrong inside the gateway; it was logged")
        if not call.span.trace_id:
            call.trace(meta_parent="")
        rpc_code = answers.rpc_code(error) if call.door == "mcp" else 0
        self._calls.write(call, Outcome.of(error, rpc_code=rpc_code))
        if not isinstance(error, ClientGone):
            answers.refuse(call, error)

    async def _ready(self, send: Send) -> None:
        if not self._calls.is_healthy:
            with suppress(SpoolBroken):
                self._calls.probe()
        is_ready = self._live.is_ready and self._calls.is_healthy and not self.is_draining
        body = {
            "status": "ready" if is_ready else "not_ready",
            "has_rules": self._live.is_ready,
            "records": self._calls.is_healthy,
            "is_draining": self.is_draining,
            "revision": self._live.snapshot.revision,
        }
        await _plain(send, 200 if is_ready else 503, _encode(body))

    async def _show_metrics(self, scope: Scope, send: Send) -> None:
        def is_host_ours() -> bool:
            headers = dict(scope["headers"])
            return self._hosts.passes(headers.get(b"host"), headers.get(b"origin"))

        if scraping.may_scrape(scope, token=self._metrics_token, is_host_ours=is_host_ours):
            await _plain(send, 200, await self._workers.page(), scraping.CONTENT_TYPE.encode())
        else:
            denied = Forbidden(scraping.REFUSAL)
            await _plain(send, denied.status, answers.rest_body(denied, ""))

    async def _describe(self, scope: Scope, send: Send) -> None:
        """Metadata for anybody, in a page too: protected resources (RFC 9728), the key of identities."""
        extra = [*pages.readable(), (b"cache-control", b"public, max-age=60")]
        head = scope["cycle"].head
        try:
            self._hosts.check_host(head.headers.get(b"host"))
            if pages.is_preflight(head.method, head.headers):
                await _plain(send, 204, b"", extra=pages.preflight())
                return
            if scope["method"] != "GET":
                raise ReadOnly("only GET means something here")
            body = self._described(head)
        except GatewayOpsError as error:
            refused = [*pages.readable(), *answers.extra_headers(error)]
            await _plain(send, error.status, answers.rest_body(error, ""), extra=refused)
        else:
            await _plain(send, 200, body, extra=extra)

    def _described(self, head: Head) -> bytes:
        if head.path != JWKS_PATH:
            return self._live.visitors.metadata(head.path[len(_METADATA) :], at_host=head.at_host)
        if self._identity is None:
            raise NotFound("identities are told to no server here (setting gateway.tells_identity)")
        return self._identity.key_set()

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        is_open = pages.is_open(scope["path"])
        extra = pages.readable() if is_open else []
        from_any_page = is_open or pages.is_brought(scope["method"], scope["path"])
        try:
            self._hosts.check(headers.get(b"host"), None if from_any_page else headers.get(b"origin"))
            if is_open and pages.is_preflight(scope["method"], headers):
                await _plain(send, 204, b"", extra=pages.preflight())
                return
            if scope["path"].startswith("/internal"):
                raise NotFound("there is nothing here")
            if scope["path"] == token_check.PATH:
                body = await self._tokens.answer(scope)
                await _plain(send, 200, body, extra=[(b"cache-control", b"no-store")])
            else:
                await self._forward.handle(scope, receive, send, extra=extra)
        except ClientGone:
            return
        except GatewayOpsError as error:
            body, kind = answers.rest_body(error, ""), otlp.JSON
            if otlp.is_export(scope["method"], scope["path"]):
                given = headers.get(b"content-type", b"").decode("latin-1")
                kind, body = otlp.status(given, http_status=error.status, message=error.detail)
            extra += answers.extra_headers(error)
            await _plain(send, error.status, body, kind.encode(), extra=extra)


async def _plain(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes = b"application/json",
    *,
    extra: list[tuple[bytes, bytes]] | None = None,
) -> None:
    headers: list[tuple[bytes, bytes]] = list(extra or [])
    if status != 204:  # it has no body to speak of
        headers += [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
