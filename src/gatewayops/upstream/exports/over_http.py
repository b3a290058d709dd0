"""OTLP over HTTP: to an address that was checked, without redirects, with a bound on time and answer.

Source: the OTLP specification, "OTLP/HTTP" (retryable answers, partial success, JSON encoding).
"""

import asyncio
import gzip
import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.protocol import otlp
from gatewayops.record.exports.json_form import rejected_in, traces_json
from gatewayops.upstream.address import resolve
from gatewayops.upstream.exports.delivery import (
    LONGEST_ASKED_S,
    TIMEOUT_S,
    Answer,
    Protocol,
    Target,
    Verdict,
    excerpt,
)

_MAX_ANSWER = 64 << 10
_RETRIED = frozenset({429, 502, 503, 504})


class OverHttp:
    """One destination's; holds at most one connection."""

    def __init__(self, target: Target) -> None:
        """Connects at the first request."""
        self._target = target
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_S, follow_redirects=False, trust_env=False, verify=_tls()
        )

    async def deliver(self, request: ExportTraceServiceRequest) -> Answer:
        """Sends; never raises for what the network or the other side does."""
        target = self._target
        url = traces_url(target.endpoint)
        host = target.url.hostname or ""
        headers = target.headers | {"host": target.url.netloc, "content-type": _type(target)}
        if target.is_gzip:
            headers["content-encoding"] = "gzip"
        body = await asyncio.to_thread(_encoded, request, target)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                address = (await resolve(host, target.port, allows_private=target.allows_private))[0]
                to = httpx.URL(url).copy_with(host=address, port=target.port)
                async with self._client.stream(
                    "POST", to, content=body, headers=headers, extensions={"sni_hostname": host}
                ) as response:
                    return _answer(response, await _read(response))
        except GatewayOpsError as error:
            return Answer(Verdict.AGAIN, error=error.detail)
        except (httpx.HTTPError, OSError) as error:
            return Answer(Verdict.AGAIN, error=f"{host}: {type(error).__name__}")

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()


def traces_url(endpoint: str) -> str:
    """As exporters do: the signal's path is added unless it is there."""
    trimmed = endpoint.rstrip("/")
    return trimmed if trimmed.endswith(otlp.TRACES) else trimmed + otlp.TRACES


def asked_s(retry_after: str, *, now: datetime) -> float:
    """How long a Retry-After asks to wait, in seconds or as a date (RFC 9110), up to an hour; else 0."""
    if retry_after.isdecimal():
        return min(float(retry_after[:9]), LONGEST_ASKED_S)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        return 0.0
    return min(max((until - now).total_seconds(), 0.0), LONGEST_ASKED_S)


def _type(target: Target) -> str:
    return otlp.JSON if target.protocol is Protocol.HTTP_JSON else otlp.PROTOBUF


def _encoded(request: ExportTraceServiceRequest, target: Target) -> bytes:
    is_json = target.protocol is Protocol.HTTP_JSON
    plain: bytes = traces_json(request) if is_json else request.SerializeToString()
    return gzip.compress(plain, 5) if target.is_gzip else plain


def _answer(response: httpx.Response, body: bytes) -> Answer:
    status = response.status_code
    said, text = f"HTTP {status}", excerpt(body.decode("utf-8", "replace"))
    if response.is_success:
        rejected, why = _partial(response.headers.get("content-type", ""), body)
        return Answer(
            Verdict.TAKEN, said, status=status, body=text, rejected=max(rejected, 0), why=excerpt(why)
        )
    if status in _RETRIED:
        wait_s = asked_s(response.headers.get("retry-after", ""), now=clock.now())
        return Answer(Verdict.AGAIN, said, status=status, body=text, retry_after_s=wait_s)
    return Answer(Verdict.REFUSED, said, status=status, body=text)


def _partial(content_type: str, body: bytes) -> tuple[int, str]:
    """Spans that were rejected, and why; an answer that cannot be read is a full success, by its status."""
    if otlp.form_of(content_type) == otlp.JSON:
        return rejected_in(body)
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return 0, ""
    return partial.rejected_spans, partial.error_message


@cache
def _tls() -> ssl.SSLContext:
    """One for all: making it reads every root certificate."""
    return httpx.create_ssl_context(trust_env=False)


async def _read(response: httpx.Response) -> bytes:
    said = b""
    async for chunk in response.aiter_bytes():
        said += chunk
        if len(said) > _MAX_ANSWER:
            return said[:_MAX_ANSWER]
    return said
