"""Fetches a small JSON document from an address that a stranger named: documents and key sets of clients.

Only https, on a public address that was resolved once and then connected to, without redirects, with bounds
on size and time. Nothing of ours is sent along.
"""

import asyncio
import json
import re
import ssl
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


async def fetch(url: str, *, allows_private: bool = False) -> Document:
    """Raises InvalidInput for what is no URL, AddressRefused, AddressUnknown, DocumentUnavailable.

    `allows_private` is for tests of loopback: http is taken then, too.
    """
    check_url(url)
    parts = urlsplit(url)
    if parts.scheme != "https" and not allows_private:
        msg = "the document's address begins with https://"
        raise DocumentUnavailable(msg)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    addresses = await resolve(host, port, allows_private=allows_private)
    at = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    to = parts._replace(netloc=f"{at}:{port}").geturl()
    headers = {"host": parts.netloc, "accept": "application/json", "accept-encoding": "identity"}
    try:
        async with (
            asyncio.timeout(_TIMEOUT_S),
            httpx.AsyncClient(follow_redirects=False, trust_env=False, verify=_tls()) as client,
            client.stream("GET", to, headers=headers, extensions={"sni_hostname": host}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                msg = f"{host} answered {response.status_code} instead of the document"
                raise DocumentUnavailable(msg)
            raw = await _read(response, host)
            return Document(_object(raw, host), _fresh_s(response.headers.get("cache-control", "")))
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        msg = f"{host} does not hand out the document: {type(error).__name__}"
        raise DocumentUnavailable(msg) from error


@cache
def _tls() -> ssl.SSLContext:
    """One for all: making it reads every root certificate."""
    return httpx.create_ssl_context(trust_env=False)


async def _read(response: httpx.Response, host: str) -> bytes:
    raw = b""
    async for chunk in response.aiter_raw():
        raw += chunk
        if len(raw) > _MAX_BYTES:
            msg = f"the document of {host} is larger than {_MAX_BYTES} bytes"
            raise DocumentUnavailable(msg)
    return raw


def _object(raw: bytes, host: str) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        msg = f"what {host} hands out is not JSON"
        raise DocumentUnavailable(msg) from error
    if not isinstance(found, dict):
        msg = f"what {host} hands out is not a JSON object"
        raise DocumentUnavailable(msg)
    return found


def _fresh_s(cache_control: str) -> int:
    """As HTTP says, within bounds of ours: nobody makes us ask at every request, or keep it for long."""
    told = cache_control.lower()
    if "no-store" in told or "no-cache" in told:
        return _SHORTEST_S
    age = _MAX_AGE.search(told)
    return min(max(int(age.group(1)), _SHORTEST_S), _LONGEST_S) if age else _DEFAULT_S
