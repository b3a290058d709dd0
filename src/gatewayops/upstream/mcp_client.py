"""An MCP client of both eras, for calls that begin with us: the REST facade and the test of a server.

It finds out which era a server speaks, keeps a legacy session for each caller (never shared between
principals), and gathers the answer from JSON or from a stream. It declares no client capabilities.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from gatewayops.base.errors import UpstreamError
from gatewayops.protocol import headers as mcp
from gatewayops.protocol.methods import (
    HEADER_MISMATCH,
    LATEST_LEGACY,
    META_CAPABILITIES,
    META_CLIENT,
    META_VERSION,
    MODERN,
    UNSUPPORTED_VERSION,
    method_named,
)
from gatewayops.protocol.param_headers import param_headers
from gatewayops.protocol.reply import Reply, parse
from gatewayops.protocol.sse import EventScanner
from gatewayops.upstream.exchange import ConnectionBroken, Exchange, Headers
from gatewayops.upstream.registry import Upstream

Carry = Callable[[Headers, bytes], Awaitable[Exchange]]
"""Sends a POST and waits for the head of its answer; the caller's timeouts and retries are in it."""

_ACCEPT = (b"accept", b"application/json, text/event-stream")
_CLIENT = {"name": "gatewayops", "version": "0.1"}
_MODERN_ONLY = frozenset({HEADER_MISMATCH, -32021, UNSUPPORTED_VERSION})
_METHOD_NOT_FOUND = -32601
_KEPT_SESSIONS = 10_000
_LINGER_S = 5.0
_KEPT_SCHEMAS = 10_000
_LONGEST = 300  # of a tool whose schema is kept
_ID = b"1"
_NO_SESSION = re.compile(  # how servers on the official SDKs say it
    rb"(no valid|no such|missing|invalid|unknown|expired) session|session-id header is required"
    rb"|session (id )?(was |is )?(not found|unknown|invalid|expired|terminated|required)|not initialized",
    re.IGNORECASE,
)

_encode = msgspec.json.Encoder().encode
_T = TypeVar("_T")


class _Session(msgspec.Struct, frozen=True):
    session_id: str
    version: str


_SessionKey = tuple[str, str, str]  # the server's id and URL, the caller


class _Beginning:
    """A session that is just being begun."""

    def __init__(self) -> None:
        self.is_over = asyncio.Event()
        self.failure: UpstreamError | None = None


class _ServerInfo(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Initialized(msgspec.Struct):
    protocolVersion: str = LATEST_LEGACY  # noqa: N815 - MCP's name
    serverInfo: _ServerInfo = msgspec.field(default_factory=_ServerInfo)  # noqa: N815 - MCP's name


class _Tools(msgspec.Struct):
    tools: list[Any] = msgspec.field(default_factory=list)


class _Meta(msgspec.Struct):
    info: _ServerInfo = msgspec.field(name="io.modelcontextprotocol/serverInfo", default_factory=_ServerInfo)


class _Discovered(msgspec.Struct):
    meta: _Meta = msgspec.field(name="_meta", default_factory=_Meta)


class McpClient:
    """Remembers eras and sessions. One a worker."""

    def __init__(self, *, max_answer_bytes: int) -> None:
        """`max_answer_bytes` bounds one event of a stream."""
        self._limit = max_answer_bytes
        self._eras: dict[tuple[str, str], str] = {}
        self._sessions: OrderedDict[_SessionKey, _Session] = OrderedDict()
        self._beginnings: dict[_SessionKey, _Beginning] = {}
        self._schemas: dict[tuple[str, str, str], Any] = {}
        self._infos: dict[str, _ServerInfo] = {}

    async def request(
        self, upstream: Upstream, carry: Carry, who: str, method: str, params: dict[str, Any]
    ) -> Reply:
        """The server's reply, result or error. `who` separates callers' sessions. Raises UpstreamError."""
        if await self.era(upstream, carry) == "modern":
            return await self._modern(upstream, carry, method, params)
        return await self._legacy(upstream, carry, who, method, params)

    async def era(self, upstream: Upstream, carry: Carry) -> str:
        """`modern` or `legacy`: modern is tried first, as clients do; remembered while the URL stays."""
        key = (upstream.row.id, upstream.row.url)
        era = self._eras.get(key)
        if era is None:
            exchange = await _post_modern(carry, "server/discover", {}, {})
            found = await self._reply(exchange, carry, [])
            failure = found.failure() if found is not None else None
            is_modern = found is not None and (failure is None or failure.code in _MODERN_ONLY)
            era = self._eras[key] = "modern" if is_modern else "legacy"
            if found is not None and failure is None:
                self._infos[upstream.row.id] = _read(found, _Discovered).meta.info
        return era

    def server_info(self, upstream: Upstream) -> tuple[str, str]:
        """Name and version as the server gave them, empty before it was asked."""
        info = self._infos.get(upstream.row.id, _ServerInfo())
        return info.name, info.version

    async def _modern(self, upstream: Upstream, carry: Carry, method: str, params: dict[str, Any]) -> Reply:
        schema_key = (upstream.row.id, upstream.row.url, str(params.get("name", "")))
        extra = _mirrored(self._schemas.get(schema_key), params)
        reply = await self._answered(await _post_modern(carry, method, params, extra), carry, [], upstream)
        failure = reply.failure()
        if failure is None or failure.code != HEADER_MISMATCH or method != "tools/call":
            return reply
        listed = await self._modern(upstream, carry, "tools/list", {})
        schema = _schema_of(listed, params["name"])
        if schema is not None and len(params["name"]) <= _LONGEST:
            if len(self._schemas) >= _KEPT_SCHEMAS:
                self._schemas.clear()
            self._schemas[schema_key] = schema
        extra = _mirrored(schema, params)
        return await self._answered(await _post_modern(carry, method, params, extra), carry, [], upstream)

    async def _legacy(
        self, upstream: Upstream, carry: Carry, who: str, method: str, params: dict[str, Any]
    ) -> Reply:
        key = (upstream.row.id, upstream.row.url, who)
        known = self._sessions.get(key)
        session = await self._session(key, upstream, carry)
        headers = _session_headers(session)
        body = _encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        exchange = await carry(headers, body)
        if session is known and _is_forgotten(exchange):  # nothing was done
            if self._sessions.get(key) is session:  # else a call beside this one has begun another already
                del self._sessions[key]
            headers = _session_headers(await self._session(key, upstream, carry))
            exchange = await carry(headers, body)
        return await self._answered(exchange, carry, headers, upstream)

    async def _session(self, key: _SessionKey, upstream: Upstream, carry: Carry) -> _Session:
        """The caller's session; of calls that find none at once, one begins it and the others wait for it."""
        while True:
            session = self._sessions.get(key)
            if session is not None:
                self._sessions.move_to_end(key)
                return session
            begun = self._beginnings.get(key)
            if begun is None:
                return await self._begin(key, upstream, carry)
            await begun.is_over.wait()
            if begun.failure is not None:
                raise begun.failure

    async def _begin(self, key: _SessionKey, upstream: Upstream, carry: Carry) -> _Session:
        begun = self._beginnings[key] = _Beginning()
        try:
            return await self._initialize(key, upstream, carry)
        except (
            UpstreamError
        ) as error:  # the server's fault, so theirs who wait too; a client's hang-up is not
            begun.failure = error
            raise
        finally:
            del self._beginnings[key]
            begun.is_over.set()

    async def _initialize(self, key: _SessionKey, upstream: Upstream, carry: Carry) -> _Session:
        hello = {"protocolVersion": LATEST_LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        body = _encode({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
        exchange = await carry([_ACCEPT], body)
        reply = await self._answered(exchange, carry, [_ACCEPT], upstream)
        failure = reply.failure()
        if failure is not None:
            self._eras.pop(key[:2], None)
            msg = f"{upstream.name} refused to initialize: {failure.message}"
            raise UpstreamError(msg)
        initialized = _read(reply, _Initialized)
        self._infos[upstream.row.id] = initialized.serverInfo
        session = _Session(exchange.header(mcp.SESSION).decode("latin-1"), initialized.protocolVersion)
        note = _encode({"jsonrpc": "2.0", "method": "notifications/initialized"})
        await carry(_session_headers(session), note)
        self._sessions[key] = session
        if len(self._sessions) > _KEPT_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    async def _answered(
        self, exchange: Exchange, carry: Carry, headers: Headers, upstream: Upstream
    ) -> Reply:
        reply = await self._reply(exchange, carry, headers)
        if reply is None:
            self._forget_era(upstream, exchange.status)
            if exchange.status in (401, 403):
                msg = f"{upstream.name} refused the gateway ({exchange.status}): check the headers set for it"
                raise UpstreamError(msg)
            if exchange.status >= 500 or 300 <= exchange.status < 400:
                msg = f"{upstream.name} answered {exchange.status}"
                raise UpstreamError(msg)
            msg = f"{upstream.name} answered {exchange.status} with something that is no MCP"
            raise ConnectionBroken(msg, got_bytes=True)
        return reply

    def _forget_era(self, upstream: Upstream, status: int) -> None:
        """After what was no answer: it may be another server now; an outage of a modern one says no such."""
        key = (upstream.row.id, upstream.row.url)
        if status < 500 or self._eras.get(key) == "legacy":  # legacy may have been a guess in the same outage
            self._eras.pop(key, None)

    async def _reply(self, exchange: Exchange, carry: Carry, headers: Headers) -> Reply | None:
        if not exchange.is_stream:
            reply = parse(exchange.body) if exchange.body else None
            return reply if reply is not None and reply.is_answer else None
        scanner = EventScanner(self._limit)
        while chunk := await exchange.next_chunk():
            for data in scanner.feed(chunk):
                reply = parse(data)
                if reply is None:
                    continue
                if reply.is_answer and bytes(reply.id) == _ID:
                    _let_end(exchange)
                    return reply
                if reply.method and bytes(reply.id):
                    await carry(headers, _declined(reply))
        return None


def _is_forgotten(exchange: Exchange) -> bool:
    """Whether the server says that it does not know the session: 404 (MCP 2025-11-25, transports).

    A 404 that answers the call itself (-32601) is an answer; with 400 only the words tell.
    """
    if exchange.is_stream or exchange.status not in (400, 404):
        return False
    if exchange.status == 400:
        return _NO_SESSION.search(exchange.body) is not None
    reply = parse(exchange.body)
    failure = reply.failure() if reply is not None else None
    return failure is None or failure.code != _METHOD_NOT_FOUND


def _read(reply: Reply, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(reply.payload(), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return shape()


def _declined(request: Reply) -> bytes:
    """Our reply to a server's request: a ping is answered, all else declined, for no user is here to ask."""
    head = b'{"jsonrpc":"2.0","id":' + bytes(request.id)
    if request.method == "ping":
        return head + b',"result":{}}'
    return head + b',"error":{"code":-32601,"message":"this client declared no such capability"}}'


def _let_end(exchange: Exchange) -> None:
    """Gives a server whose answer we have a few seconds to end its stream, so that the connection is kept."""
    if not exchange.is_complete:
        late = ConnectionBroken("the stream went on after its answer", got_bytes=True)
        asyncio.get_running_loop().call_later(_LINGER_S, exchange.abort, late)


async def _post_modern(carry: Carry, method: str, params: dict[str, Any], extra: dict[str, str]) -> Exchange:
    meta = {META_VERSION: MODERN, META_CAPABILITIES: {}, META_CLIENT: _CLIENT, **params.get("_meta", {})}
    body = _encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}})
    headers = [_ACCEPT, (mcp.VERSION, MODERN.encode()), (mcp.METHOD, method.encode())]
    name_key = method_named(method).name_key
    if name_key:
        headers.append((mcp.NAME, mcp.encode_value(str(params[name_key])).encode()))
    headers += [(name.encode(), mcp.encode_value(value).encode()) for name, value in extra.items()]
    return await carry(headers, body)


def _session_headers(session: _Session) -> Headers:
    headers = [_ACCEPT, (mcp.VERSION, session.version.encode("latin-1"))]
    if session.session_id:
        headers.append((mcp.SESSION, session.session_id.encode("latin-1")))
    return headers


def _schema_of(listed: Reply, tool: str) -> object:
    for entry in _read(listed, _Tools).tools:
        if isinstance(entry, dict) and entry.get("name") == tool:
            return entry.get("inputSchema")
    return None


def _mirrored(schema: object, params: dict[str, Any]) -> dict[str, str]:
    if not schema:
        return {}
    arguments = params.get("arguments")
    if isinstance(arguments, msgspec.Raw):  # a transformation made them
        arguments = msgspec.json.decode(arguments)
    return param_headers(schema, arguments or {})
