"""Asks a small question of an address that a stranger named: documents and key sets of clients, providers.

Only https, on a public address that was resolved once and then connected to, without redirects, with bounds
on size and time. Nothing of ours is sent along but what the caller gives.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from gatewayops.base.errors import UpstreamError
from gatewayops.upstream.address import check_url, resolve

_TIMEOUT_S = 5.0
_MAX_BYTES = 32 << 10
_SHORTEST_S = 60
_LONGEST_S = 86_400
_DEFAULT_S = 3_600
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})")


class DocumentUnavailable(UpstreamError):
    """The document cannot be fetched, or is none; the detail says why and holds nothing of it."""


class Document(msgspec.Struct, frozen=True):
    """A JSON object, and for how many seconds it may be used without asking again."""

    content: dict[str, Any]
    fresh_s: int


class Answered(msgspec.Struct, frozen=True):
    """What came back, whatever its status; `content` is JSON of any kind, and was of that size."""

    status: int
    content: Any
    fresh_s: int
    size_bytes: int = 0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A GET, or with a `form` or `json` a POST of it. `headers` may hold secrets: they go to `url` only."""

    url: str
    headers: Mapping[str, str] = {}
    form: Mapping[str, str] | None = None
    json: Mapping[str, Any] | None = None
    max_bytes: int = _MAX_BYTES


async def fetch(url: str, *, allows_private: bool = False) -> Document:
    """Raises InvalidInput for what is no URL, AddressRefused, AddressUnknown, DocumentUnavailable.

    `allows_private` is for tests of loopback: http is taken then, too.
    """
    answered = await _ask(Question(url=url), allows_private=allows_private, needs_ok=True)
    content = _json(answered, url)
    if not isinstance(content, dict):
        msg = f"what {urlsplit(url).hostname} hands out is not a JSON object"
        raise DocumentUnavailable(msg)
    return Document(content, answered.fresh_s)


async def fetch_bytes(question: Question, *, allows_private: bool = False) -> bytes:
    """The document as it is, whatever its kind. Raises as `fetch` does."""
    return (await _ask(question, allows_private=allows_private, needs_ok=True)).raw


async def ask(question: Question, *, allows_private: bool = False) -> Answered:
    """The answer as JSON, also to what was refused. Raises as `fetch` does."""
    answered = await _ask(question, allows_private=allows_private, needs_ok=False)
    content = _json(answered, question.url)
    return Answered(answered.status, content, answered.fresh_s, len(answered.raw))


class _Raw(msgspec.Struct, frozen=True):
    status: int
    raw: bytes
    fresh_s: int


async def _ask(question: Question, *, allows_private: bool, needs_ok: bool) -> _Raw:
    check_url(question.url)
    parts = urlsplit(question.url)
    if parts.scheme != "https" and not allows_private:
        msg = "the document's address begins with https://"
        raise DocumentUnavailable(msg)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    addresses = await resolve(host, port, allows_private=allows_private)
    at = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    to = parts._replace(netloc=f"{at}:{port}").geturl()
    headers = {"host": parts.netloc, "accept": "application/json", "accept-encoding": "identity"}
    method = "GET" if question.form is None and question.json is None else "POST"
    try:
        async with (
            asyncio.timeout(_TIMEOUT_S),
            httpx.AsyncClient(follow_redirects=False, trust_env=False, verify=_tls()) as client,
            client.stream(
                method,
                to,
                data=question.form,
                json=question.json,
                headers=headers | dict(question.headers),
                extensions={"sni_hostname": host},
            ) as response,
        ):
            if needs_ok and response.status_code != httpx.codes.OK:
                msg = f"{host} answered {response.status_code} instead of the document"
                raise DocumentUnavailable(msg)
            raw = await _read(response, host, question.max_bytes)
            told = response.headers.get("cache-control", "")
            return _Raw(response.status_code, raw, _fresh_s(told))
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        msg = f"{host} does not hand out the document: {_why(error)}"
        raise DocumentUnavailable(msg) from error


def _why(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return f"it did not answer within {_TIMEOUT_S:g} seconds"
    if "SSL" in str(error):
        return "its TLS certificate does not hold, or it speaks no TLS there"
    if isinstance(error, httpx.ConnectError):
        return "nothing there takes the connection"
    return "it broke the answer off"


@cache
def _tls() -> ssl.SSLContext:
    """One for all: making it reads every root certificate."""
    return httpx.create_ssl_context(trust_env=False)


async def _read(response: httpx.Response, host: str, max_bytes: int) -> bytes:
    raw = b""
    async for chunk in response.aiter_raw():
        raw += chunk
        if len(raw) > max_bytes:
            msg = f"the document of {host} is larger than {max_bytes} bytes"
            raise DocumentUnavailable(msg)
    return raw


def _json(answered: _Raw, url: str) -> Any:  # noqa: ANN401 - JSON of any kind
    try:
        return json.loads(answered.raw)
    except (ValueError, RecursionError) as error:
        msg = f"what {urlsplit(url).hostname} hands out is not JSON"
        raise DocumentUnavailable(msg) from error


def _fresh_s(cache_control: str) -> int:
    """As HTTP says, within bounds of ours: nobody makes us ask at every request, or keep it for long."""
    told = cache_control.lower()
    if "no-store" in told or "no-cache" in told:
        return _SHORTEST_S
    age = _MAX_AGE.search(told)
    return min(max(int(age.group(1)), _SHORTEST_S), _LONGEST_S) if age else _DEFAULT_S
