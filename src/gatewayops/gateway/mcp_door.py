"""`/v1/mcp/{server}`: Streamable HTTP for clients of both eras, passed through to a server of the same era.

What is authorised is what is sent: the envelope is re-encoded from what was decoded. Answers travel on
as the server wrote them, but for the session id, which is sealed to the caller.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from gatewayops.base.errors import GatewayOpsError, InvalidInput, Reason, UpstreamError
from gatewayops.gateway import answers, pages
from gatewayops.gateway.call import Call, ClientGone, Outcome
from gatewayops.gateway.hosts import foreign_page
from gatewayops.gateway.identity_header import IdentityHeader
from gatewayops.gateway.pipeline import Pipeline
from gatewayops.gateway.relay import Relay
from gatewayops.gateway.sessions import Session, Sessions
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.protocol import envelope, reply
from gatewayops.protocol import headers as mcp
from gatewayops.protocol.envelope import Message, ToolCall
from gatewayops.protocol.methods import INVALID_REQUEST, Method
from gatewayops.protocol.reply import Reply
from gatewayops.upstream.exchange import ConnectionBroken, Exchange
from gatewayops.upstream.settings import UpstreamSettings

_TO_CLIENT = frozenset({b"content-type", b"cache-control", b"retry-after", b"allow", mcp.VERSION})
_WITHOUT_BODY = {
    "GET": Method("stream/get", "", is_stream=True, is_resumption=True),
    "DELETE": Method("session/delete", ""),
}
_NO_LIMIT = float("inf")


class HeaderMismatch(InvalidInput):
    """Header and body disagree, or a routing header came twice (MCP 2026-07-28, -32020)."""

    reason = Reason.HEADER_MISMATCH


class MethodNotAllowed(InvalidInput):
    """An HTTP method that MCP does not use."""

    status = 405
    code = "method_not_allowed"
    reason = Reason.METHOD_NOT_ALLOWED


class McpDoor:
    """Answers the MCP routes."""

    def __init__(
        self,
        pipeline: Pipeline,
        sessions: Sessions,
        settings: GatewaySettings,
        upstream: UpstreamSettings,
        identity: IdentityHeader | None,
    ) -> None:
        """One a worker; `identity` says to servers who is calling."""
        self._identity = identity
        self._pipeline = pipeline
        self._sessions = sessions
        self._settings = settings
        self._upstream = upstream

    async def handle(self, call: Call) -> None:
        """Walks a call through the pipeline. Raises GatewayOpsError for the outermost door to answer."""
        check_head(call)
        await self._pipeline.authenticate(call)
        verb = call.head.method
        if verb == "POST":
            check_content_type(call)
            if not self.take(call, await self._pipeline.read_body(call)):
                await self.ask(call)
        elif verb in _WITHOUT_BODY:
            method = _WITHOUT_BODY[verb]
            call.about(method, "")
            self._pipeline.permit(call, method, "")
        else:
            raise MethodNotAllowed(f"{verb} means nothing here: MCP uses POST, GET and DELETE")
        await self.carry(call, verb)

    def take(self, call: Call, body: bytes) -> bool:
        """Reads the message, holds it against the headers, asks whether it may go. False: `ask` first."""
        call.request_bytes = len(body)
        self._pipeline.check_size(body)
        call.message = message = envelope.decode(body)
        method = message.method
        call.about(method, message.name)
        call.shown_request = message.arguments()
        if method.is_priced and not message.is_request:  # done by some servers, and never answered: for free
            msg = f'"id" is missing: {method.name} is a request'
            raise envelope.BadEnvelope(msg, INVALID_REQUEST)
        if message.parent:
            call.trace(meta_parent=message.parent)
        check_headers(call, message)
        call.agent = message.agent
        return self._pipeline.permit(call, method, message.name, message.raw_arguments)

    async def ask(self, call: Call) -> None:
        """Waits for the counters that workers share. Raises what they have against it."""
        assert call.message is not None
        await self._pipeline.ask(call, call.message.raw_arguments)

    async def ask_and_carry(self, call: Call) -> None:
        """The rest of the way of a call that was taken and has to ask."""
        await self.ask(call)
        await self.carry(call, "POST")

    def request(self, call: Call, verb: str) -> bytes:
        """The request to the server: what was authorised, below our span, with the server's own headers."""
        upstream, head, message = call.upstream, call.head, call.message
        assert upstream is not None
        traceparent = call.span.traceparent()
        lines = head.passed
        if upstream.own:
            lines = b"".join([line for name, line in head.passed_lines if name not in upstream.own])
            lines += upstream.of_caller(call.principal)
        if head.session is not None:
            session = self._sessions.open(head.session, call.principal, upstream)
            call.session = session.upstream_id
            call.agent = call.agent or session.agent
            lines += b"%b: %b\r\n" % (mcp.SESSION, session.upstream_id.encode("latin-1"))
        lines += b"traceparent: %b\r\n" % traceparent.encode()
        if self._identity is not None:
            lines += self._identity.line(call.principal, upstream)
        if message is None:
            return upstream.request_of(verb.encode(), lines, b"")
        transform = call.terms.transform if call.terms is not None else None
        if transform is None:
            body = message.encode(traceparent=traceparent)
        else:
            body = message.encode(traceparent=traceparent, arguments=transform.request(message.raw_arguments))
            lines += b"".join(
                [b"%b: %b\r\n" % header for header in transform.headers if header[0] not in upstream.own]
            )
        return upstream.request_of(verb.encode(), lines, body)

    async def carry_again(self, call: Call, delay_s: float) -> None:
        """The rest of the way of a call that failed on the short one."""
        await asyncio.sleep(delay_s)
        await self.carry(call, "POST", attempt=1)

    async def carry(self, call: Call, verb: str, *, attempt: int = 0) -> None:
        """Sends what was taken and answers with what comes back, waiting as long as it takes."""
        upstream, method = call.upstream, call.method
        assert upstream is not None
        assert method is not None
        request = self.request(call, verb)
        holds_slot = not method.is_stream
        if holds_slot:
            upstream.take_slot(call.principal.key_id)
        begun = time.perf_counter_ns()
        try:
            exchange = await self._pipeline.send(call, request, attempt=attempt)
            call.upstream_ns = time.perf_counter_ns() - begun
            if exchange.is_stream:
                await self.answer_stream(call, exchange, begun)
            else:
                self.answer_whole(call, exchange)
        except GatewayOpsError:
            call.upstream_ns = time.perf_counter_ns() - begun
            raise
        finally:
            if holds_slot:
                upstream.give_slot(call.principal.key_id)

    def answer_whole(self, call: Call, exchange: Exchange) -> None:
        """Prices, records and answers with an answer that is whole. Raises GatewayOpsError for a bad one."""
        status, body = exchange.status, exchange.body
        parsed = reply.parse(body) if body else None
        if parsed is not None and call.terms is not None and call.terms.rewrite is not None:
            body = reply.changed(body, call.terms.rewrite) or b""
            parsed = reply.parse(body)
        outcome = self._outcome(call, status, body, parsed)
        if status < 300 and not _owes_answer(call):
            body = b""  # a client might take it for the answer to another request, which was not looked at
        headers = self._headers_for_client(call, exchange)
        self._pipeline.log.write(call, outcome)
        answers.answer(call, status, headers, body)

    def _outcome(self, call: Call, status: int, body: bytes, parsed: Reply | None) -> Outcome:
        """What a whole answer amounts to. Raises UpstreamError for what no client should have to read."""
        if status == 401 and call.upstream is not None and call.upstream.accounts is not None:
            raise call.upstream.accounts.not_taken(call.principal, call.upstream.row)
        if parsed is not None and parsed.is_answer:
            if (
                call.message is not None
                and call.message.is_request
                and parsed.is_foreign(call.message.rpc_id)
            ):
                raise _foreign(call)
            return self._pipeline.price(call, parsed, status)
        if status in (401, 403):
            raise UpstreamError(
                f"{call.server_name} refused the gateway ({status}): check the headers set for it"
            )
        if status >= 500 or 300 <= status < 400:
            raise UpstreamError(f"{call.server_name} answered {status}")
        if status < 300 and _owes_answer(call):
            raise ConnectionBroken(
                f"{call.server_name} answered with something that is no MCP", got_bytes=True
            )
        if status < 300:
            return Outcome(status, size=len(body))
        return Outcome(status, "error", Reason.UPSTREAM_ERROR.value, payload=body, size=len(body))

    async def answer_stream(self, call: Call, exchange: Exchange, begun: int) -> None:
        """Relays a stream and records the call when its answer passes; `begun` is when it was sent."""
        headers = self._headers_for_client(call, exchange)
        headers += [(b"x-accel-buffering", b"no"), (b"x-trace-id", call.span.shown_id().encode())]
        headers += pages.readable(call.page) if call.page else []
        await call.cycle.send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        await call.cycle.send(
            {"type": "http.response.body", "body": b"", "more_body": True}
        )  # the head leaves now
        is_long = call.method is None or call.method.is_stream
        relay = Relay(
            call,
            exchange,
            keepalive_s=self._settings.keepalive_s,
            idle_s=_NO_LIMIT if is_long else self._upstream.stream_idle_s,
            event_limit=self._upstream.max_answer_bytes,
        )
        last = b""
        try:
            with self._pipeline.watching(call, exchange):
                await relay.run(lambda data: self._notice(call, data, begun), _change_of(call))
            self._pipeline.log.write(call, _end_of_stream(call, exchange))
        except GatewayOpsError as error:
            last = self._broken_off(call, error, relay)
        await call.cycle.send({"type": "http.response.body", "body": last})

    def _notice(self, call: Call, data: bytes, begun: int) -> None:
        """Records the call when this event is its answer.

        Raises ConnectionBroken for the answer to another request: what may be seen of that, nobody asked.
        Only a bare GET may bring such (legacy, resumption); all that it brings is looked at.
        """
        if call.message is None:
            return
        rpc_id = call.message.rpc_id
        for parsed in reply.parse_all(data):
            if parsed.is_foreign(rpc_id):
                raise _foreign(call)
            if rpc_id and not call.is_recorded and parsed.has_id and parsed.is_answer:
                call.upstream_ns = time.perf_counter_ns() - begun
                self._pipeline.log.write(call, self._pipeline.price(call, parsed))

    def _broken_off(self, call: Call, error: GatewayOpsError, relay: Relay) -> bytes:
        """Records a stream that failed; the last event to send, where the client can still read one."""
        if call.is_recorded:
            return b""
        is_over = isinstance(error, ClientGone) and call.method is not None and call.method.is_stream
        self._pipeline.log.write(call, Outcome(200) if is_over else Outcome.of(error))
        if call.message is None or not relay.is_between_events or isinstance(error, ClientGone):
            return b""
        return b"event: message\ndata: " + answers.rpc_body(error, call) + b"\n\n"

    def _headers_for_client(self, call: Call, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        headers: list[tuple[bytes, bytes]] = []
        for header in exchange.headers:
            name = header[0]
            if name in _TO_CLIENT:
                headers.append(header)
            elif name == mcp.SESSION:
                headers.append((name, self._sealed(call, header[1].decode("latin-1"))))
        return headers

    def _sealed(self, call: Call, session_id: str) -> bytes:
        if session_id == call.session:
            assert call.head.session is not None
            return call.head.session
        assert call.upstream is not None
        call.session = session_id
        return self._sessions.seal(Session(session_id, call.agent), call.principal, call.upstream)


def check_head(call: Call) -> None:
    """What can be said of the headers alone; opens our span where they name the caller's trace."""
    head = call.head
    call.trace(meta_parent="")
    if head.host_fault is not None:
        raise head.host_fault
    if head.is_foreign and not call.page:
        raise foreign_page()
    if head.twice:
        raise HeaderMismatch(f"the header {head.twice.decode()} came twice")


def check_content_type(call: Call) -> None:
    """A body that is sent on as JSON must have come as JSON."""
    if not call.head.is_json:
        raise InvalidInput("send the message as Content-Type: application/json")


def check_headers(call: Call, message: Message | ToolCall) -> None:
    """Whoever reads the body must compare: a header that is there must say what the body says."""
    head = call.head
    if head.is_silent or not message.is_request:
        return
    method = message.method
    if head.says_method is not None and head.says_method != method.name.encode():
        raise HeaderMismatch("the header Mcp-Method does not say what the body's method says")
    if head.has_name and method.name_key and head.says_name != message.name:
        raise HeaderMismatch(f"the header Mcp-Name does not say what params.{method.name_key} says")
    version = message.version
    if version and version != head.says_version:
        raise HeaderMismatch("the header MCP-Protocol-Version does not say what params._meta says")


def _owes_answer(call: Call) -> bool:
    return call.message is not None and call.message.is_request


def _foreign(call: Call) -> ConnectionBroken:
    msg = f"{call.server_name} answered another request than the one that was sent"
    return ConnectionBroken(msg, got_bytes=True)


def _change_of(call: Call) -> Callable[[bytes], bytes | None] | None:
    """What is done to each message of a stream; None: they pass as they come."""
    rewrite = call.terms.rewrite if call.terms is not None else None
    return partial(reply.changed, rewrite=rewrite) if rewrite is not None else None


def _end_of_stream(call: Call, exchange: Exchange) -> Outcome:
    """A stream without its answer failed, unless the client may resume it (legacy) or none is owed."""
    if call.era == "legacy" or call.message is None or not call.message.is_request or call.is_recorded:
        return Outcome(exchange.status)
    return Outcome.of(
        ConnectionBroken(f"{call.server_name} ended its stream without an answer", got_bytes=True)
    )
