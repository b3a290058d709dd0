"""ClickHouse's HTTP interface as a raw ASGI callable: what clickhouse-connect needs, and no more.

Queries come in `?query=` or the body, settings and `param_*` as URL parameters; errors go with
ClickHouse's status and X-ClickHouse-Exception-Code. Request bodies may be compressed; answers are
not, which a client that offers compression accepts.
"""

import asyncio
import binascii
import hmac
import json
import logging
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

from gatewayops.protocol import scraping
from gatewayops.store.embedded.engine import Answer, Engine, EngineError, Request
from gatewayops.store.embedded.metrics import StoreMetrics
from gatewayops.store.embedded.statement import only_reads, parse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 256 << 20
MAX_WAITING = 64

_log = logging.getLogger(__name__)
# URL parameters that speak to the HTTP interface and are no settings for chDB
_TRANSPORT = frozenset(
    (
        "query",
        "database",
        "default_format",
        "user",
        "password",
        "session_id",
        "session_timeout",
        "session_check",
        "query_id",
        "quota_key",
        "role",
        "compress",
        "decompress",
        "enable_http_compression",
        "wait_end_of_query",
        "buffer_size",
        "client_protocol_version",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
    )
)
_NOT_IMPLEMENTED, _TOO_MANY, _READONLY, _BAD_REQUEST, _AUTHENTICATION = 48, 202, 164, 1000, 516
# as ClickHouse's HTTPHandler maps them; whatever is in neither set is a 500
_STATUS_404 = frozenset({46, 47, 50, 56, 60, 73, 81, 115})
_STATUS_400 = frozenset(
    {6, 26, 27, 36, 38, 41, 42, 43, 44, 53, 62, 63, 70, 72, 117, 386, 403, 440, 457, 1000}
)
_STATUS = {_AUTHENTICATION: 403, 497: 403, _READONLY: 403, _TOO_MANY: 429, _NOT_IMPLEMENTED: 501}


class HttpDoor:
    """Answers ClickHouse's HTTP interface from an Engine, for one user."""

    def __init__(
        self, engine: Engine, *, user: str, password: str, metrics: StoreMetrics, metrics_token: str = ""
    ) -> None:
        """The same user and password that TelemetrySettings gives to clients."""
        self._engine = engine
        self._secret = f"{user}:{password}".encode()
        self._metrics = metrics
        self._metrics_token = metrics_token
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. `/ping` needs no password, `/metrics` loopback or its own token; everything else does."""
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"] in ("/ping", "/replicas_status"):
            await _send(send, 200, b"Ok.\n", {})
        elif scope["type"] == "http" and scope["path"] == "/metrics":
            await self._show_metrics(scope, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        url = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._authenticate(url, headers)
            body = _inflated(await _read(receive), headers.get("content-encoding", ""))
            content_type = headers.get("content-type", "")
            if content_type.startswith("multipart/form-data"):
                url, body = url | _form_fields(body, content_type), b""
            answer = await self._run(scope["method"], url, headers, body)
        except EngineError as error:
            await _send_error(send, error)
        except UnicodeDecodeError:
            await _send_error(send, EngineError("the statement is not UTF-8", _BAD_REQUEST))
        except Exception as error:  # noqa: BLE001 - outermost door: the client gets an answer, the log the type
            # no traceback: it may quote rows
            _log.error("a statement failed outside ClickHouse: %s", type(error).__name__)
            await _send_error(send, EngineError(f"the store failed: {type(error).__name__}", 1002))
        else:
            await _send(send, 200, answer.payload, _answer_headers(answer))

    async def _run(
        self, method: str, url: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        output = url.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated"
        statement = parse(url.get("query", ""), body, default_format=output)
        if method == "GET" and not only_reads(statement):
            msg = "Cannot execute query in readonly mode: GET only reads, use POST. (READONLY)"
            raise EngineError(f"Code: {_READONLY}. DB::Exception: {msg}", _READONLY)
        request = Request(
            statement=statement,
            database=url.get("database") or headers.get("x-clickhouse-database", ""),
            settings={k: v for k, v in url.items() if k not in _TRANSPORT and not k.startswith("param_")},
            parameters={k.removeprefix("param_"): v for k, v in url.items() if k.startswith("param_")},
        )
        if self._waiting >= MAX_WAITING:
            raise EngineError("Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)", _TOO_MANY)
        self._waiting += 1
        answer: Answer | None = None
        begun = time.perf_counter()
        try:
            answer = await asyncio.get_running_loop().run_in_executor(
                self._engine.threads, self._engine.run, request
            )
            return answer
        finally:
            self._waiting -= 1
            self._metrics.count(statement, answer, duration_s=time.perf_counter() - begun)

    async def _show_metrics(self, scope: Scope, send: Send) -> None:
        if not scraping.may_scrape(scope, token=self._metrics_token):
            await _send(send, 403, scraping.REFUSAL.encode() + b"\n", {})
            return
        self._metrics.waiting.set(self._waiting)
        page = await asyncio.get_running_loop().run_in_executor(self._engine.threads, self._metrics.render)
        await _send(send, 200, page, {"Content-Type": scraping.CONTENT_TYPE})

    def _authenticate(self, url: Mapping[str, str], headers: Mapping[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = b64decode(token)
            except binascii.Error:
                given = b""
        elif "x-clickhouse-user" in headers:
            given = f"{headers['x-clickhouse-user']}:{headers.get('x-clickhouse-key', '')}".encode()
        else:
            given = f"{url.get('user', '')}:{url.get('password', '')}".encode()
        if not hmac.compare_digest(given, self._secret):
            msg = "Authentication failed: password is incorrect, or there is no user with such name."
            raise EngineError(
                f"Code: {_AUTHENTICATION}. DB::Exception: {msg} (AUTHENTICATION_FAILED)", _AUTHENTICATION
            )


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise EngineError("the client went away", _BAD_REQUEST)
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise EngineError(f"the body is larger than {MAX_BODY_BYTES} bytes", _BAD_REQUEST)
        if not message.get("more_body"):
            return b"".join(parts)


def _inflated(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "lz4", "zstd"):
        msg = f"Content-Encoding {encoding} is not taken by the embedded store: gzip, lz4, zstd or none"
        raise EngineError(msg, _NOT_IMPLEMENTED)
    import pyarrow as pa  # only for clients that compress; ours, on loopback, does not

    try:
        plain = pa.CompressedInputStream(pa.BufferReader(body), encoding).read(MAX_BODY_BYTES + 1)
    except OSError as error:
        raise EngineError("the body does not unpack", _BAD_REQUEST) from error
    if len(plain) > MAX_BODY_BYTES:
        raise EngineError(f"the body is larger than {MAX_BODY_BYTES} bytes unpacked", _BAD_REQUEST)
    return bytes(plain)


def _form_fields(body: bytes, content_type: str) -> dict[str, str]:
    """The fields of multipart/form-data: how clients send parameters too long for a URL.

    By the parser's plain policy: the one for HTTP takes a millisecond a field, over each field's headers.
    """
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    for part in (part for part in message.walk() if not part.is_multipart()):
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str) or part.get_filename() is not None:
            raise EngineError("external tables are not taken by the embedded store", _NOT_IMPLEMENTED)
        payload = part.get_payload(decode=True)
        fields[name] = payload.decode() if isinstance(payload, bytes) else ""
    return fields


def _answer_headers(answer: Answer) -> dict[str, str]:
    summary = {
        "read_rows": str(answer.rows_read),
        "written_rows": str(answer.rows_written),
        "result_rows": str(answer.rows_read),
        "elapsed_ns": str(answer.elapsed_ns),
    }
    headers = {"X-ClickHouse-Summary": json.dumps(summary), "X-ClickHouse-Timezone": "UTC"}
    if answer.format:
        headers["X-ClickHouse-Format"] = answer.format
    return headers


async def _send_error(send: Send, error: EngineError) -> None:
    status = _STATUS.get(error.number)
    if status is None:
        status = 404 if error.number in _STATUS_404 else 400 if error.number in _STATUS_400 else 500
    text = error.detail
    if not text.startswith("Code: "):
        text = f"Code: {error.number}. DB::Exception: {text}"
    await _send(send, status, text.encode() + b"\n", {"X-ClickHouse-Exception-Code": str(error.number)})


async def _send(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    named = {"Content-Length": str(len(body)), "Content-Type": "text/plain; charset=UTF-8", **headers}
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": message["type"] + ".complete"})
    await send({"type": "lifespan.shutdown.complete"})
