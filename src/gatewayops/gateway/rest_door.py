"""`POST /v1/mcp/{server}/tools/call` and its siblings: MCP calls as plain JSON, to servers of either era."""

import time
from contextlib import ExitStack
from typing import Any

import msgspec

from gatewayops.base.errors import GatewayOpsError, InvalidInput, Reason
from gatewayops.gateway import answers
from gatewayops.gateway.call import Call
from gatewayops.gateway.identity_header import IdentityHeader
from gatewayops.gateway.mcp_door import check_head
from gatewayops.gateway.pipeline import Pipeline
from gatewayops.protocol.methods import Method, method_named
from gatewayops.protocol.reply import Reply
from gatewayops.upstream.exchange import Exchange, Headers
from gatewayops.upstream.mcp_client import McpClient

_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")


class _ToolCall(msgspec.Struct):
    tool: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)


class _PromptGet(msgspec.Struct):
    name: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)


class _ResourceRead(msgspec.Struct):
    uri: str


class _List(msgspec.Struct):
    cursor: str = ""


_BODIES: dict[str, type[_ToolCall | _PromptGet | _ResourceRead | _List]] = {
    "tools/call": _ToolCall,
    "tools/list": _List,
    "resources/list": _List,
    "resources/templates/list": _List,
    "resources/read": _ResourceRead,
    "prompts/list": _List,
    "prompts/get": _PromptGet,
}
ROUTES = frozenset(_BODIES)


class PostOnly(InvalidInput):
    """A REST route asked with another method."""

    status = 405
    code = "method_not_allowed"
    reason = Reason.METHOD_NOT_ALLOWED


class RestDoor:
    """Answers the REST routes of calls."""

    def __init__(self, pipeline: Pipeline, client: McpClient, identity: IdentityHeader | None) -> None:
        """One a worker; `identity` says to servers who is calling."""
        self._identity = identity
        self._pipeline = pipeline
        self._client = client

    async def handle(self, call: Call, route: str) -> None:
        """Walks a call through the pipeline. Raises GatewayOpsError for the outermost door to answer."""
        check_head(call)
        method = method_named(route)
        call.about(method, "")
        await self._pipeline.authenticate(call)
        if call.head.method != "POST":
            raise PostOnly(f"use POST /v1/mcp/{call.server_name}/{route}")
        raw = await self._pipeline.read_body(call)
        subject, params = _asked(route, raw)
        call.about(method, subject)
        call.shown_request = _encode(params.get("arguments", params))
        arguments = call.shown_request if "arguments" in params else b""
        if not self._pipeline.permit(call, method, subject, arguments):
            await self._pipeline.ask(call, arguments)
        terms = call.terms
        assert terms is not None
        if terms.transform is not None:
            params["arguments"] = msgspec.Raw(terms.transform.request(arguments))
        reply = await self._carry(call, method, params)
        if terms.rewrite is not None and reply.failure() is None:
            reply.result = msgspec.Raw(terms.rewrite(reply.payload()))
        self._answer(call, reply)

    async def _carry(self, call: Call, method: Method, params: dict[str, Any]) -> Reply:
        upstream = call.upstream
        assert upstream is not None
        own = [(b"traceparent", call.span.traceparent().encode())]
        if call.terms is not None and call.terms.transform is not None:
            own += call.terms.transform.headers

        told = self._identity.line(call.principal, upstream) if self._identity is not None else b""
        told += upstream.of_caller(call.principal)
        streams = ExitStack()

        async def carry(headers: Headers, body: bytes) -> Exchange:
            request = upstream.request(b"POST", [*headers, *own], body, told=told)
            exchange = await self._pipeline.send(call, request)
            if exchange.status == 401 and upstream.accounts is not None:
                raise upstream.accounts.not_taken(call.principal, upstream.row)
            if exchange.is_stream:  # its head came in time; so must its answer
                watching = self._pipeline.watching(call, exchange, timeout_s=upstream.row.timeout_s)
                streams.enter_context(watching)
            return exchange

        upstream.take_slot(call.principal.key_id)
        begun = time.perf_counter_ns()
        try:
            with streams:
                meta = {"_meta": {"traceparent": call.span.traceparent()}}
                return await self._client.request(
                    upstream, carry, call.principal.key_id, method.name, {**params, **meta}
                )
        finally:
            call.upstream_ns = time.perf_counter_ns() - begun
            upstream.give_slot(call.principal.key_id)

    def _answer(self, call: Call, reply: Reply) -> None:
        outcome = self._pipeline.price(call, reply)
        failure = reply.failure()
        metadata = {
            "trace_id": call.span.shown_id(),
            "latency_ms": round((time.perf_counter_ns() - call.started_ns) / 1e6, 3),
            "cost": outcome.cost_micros / 1e6,
        }
        if failure is not None:
            outcome.http_status = 502
            error = GatewayOpsError(f"{call.server_name} answered with an error: {failure.message}")
            error.code, error.reason = "mcp_error", Reason.UPSTREAM_ERROR
            extra = {"upstream": {"code": failure.code, "message": failure.message}}
            body = answers.rest_body(error, call.span.shown_id(), extra)
        else:
            body = _encode({"result": _simplified(call, outcome.payload), "metadata": metadata})
        self._pipeline.log.write(call, outcome)
        answers.answer(call, outcome.http_status, [_JSON], body)


def _asked(route: str, raw: bytes) -> tuple[str, dict[str, Any]]:
    """What a body names, and the MCP parameters that it stands for. Raises InvalidInput naming the field."""
    shape = _BODIES[route]
    try:
        body = msgspec.json.decode(raw or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the body of {route}: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not JSON: {error}", Reason.MALFORMED_JSON) from error
    match body:
        case _ToolCall(tool, arguments):
            return tool, {"name": tool, "arguments": arguments}
        case _PromptGet(name, arguments):
            return name, {"name": name, "arguments": arguments}
        case _ResourceRead(uri):
            return uri, {"uri": uri}
        case _List(cursor):
            return "", {"cursor": cursor} if cursor else {}


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    text: str


def _simplified(call: Call, payload: bytes) -> object:
    """A tool's result: `content` is the text itself when a text is all there is, else MCP's list of blocks.

    Everything else of the result stays as the server wrote it.
    """
    if call.method_name != "tools/call":
        return msgspec.Raw(payload)
    try:
        result = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
        blocks = msgspec.json.decode(result.get("content", b"[]"), type=list[_Text])
    except msgspec.DecodeError:
        return msgspec.Raw(payload)
    if len(blocks) != 1 or blocks[0].type != "text":
        return msgspec.Raw(payload)
    return {**result, "content": blocks[0].text, "type": "text"}
