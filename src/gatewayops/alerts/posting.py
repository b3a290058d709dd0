"""Sends a request to an address that people gave: checked against reaching inside, connected to as checked.

No redirects, no proxies of the environment; a bounded part of the answer is read, for people to see.
"""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
import msgspec

from gatewayops.base.errors import Unavailable, UpstreamError
from gatewayops.upstream.address import check_url, resolve

_MAX_ANSWER_BYTES = 2_048
_MAX_SHOWN = 200


class SendFailed(Unavailable):
    """A message was not taken; the detail is what the other side said, `retry_after_s` what it asked for."""

    def __init__(self, detail: str, *, retry_after_s: float = 0.0) -> None:
        """For the log of deliveries: no secret."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Sending(msgspec.Struct, frozen=True):
    """How requests are made."""

    timeout_s: float
    allows_private: bool


async def post(url: str, body: bytes, headers: Mapping[str, str], *, sending: Sending) -> str:
    """What the other side said, after a 2xx. Raises SendFailed, and InvalidInput for what is no URL."""
    check_url(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(sending.timeout_s):
            address = (await resolve(host, port, allows_private=sending.allows_private))[0]
            return await _ask(url, address, body, headers, sending.timeout_s)
    except TimeoutError as error:
        msg = f"{host} did not answer within {sending.timeout_s:g} s"
        raise SendFailed(msg) from error
    except UpstreamError as error:  # the address is refused or unknown
        raise SendFailed(error.detail) from error
    except httpx.HTTPError as error:
        msg = f"{host} cannot be reached ({type(error).__name__})"
        raise SendFailed(msg) from error


async def _ask(url: str, address: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> str:
    target = httpx.URL(url)
    sent = {"content-type": "application/json", "user-agent": "GatewayOps", **headers}
    sent["host"] = target.netloc.decode("ascii")
    request = httpx.Request(
        "POST",
        target.copy_with(host=address),
        content=body,
        headers=sent,
        extensions={"sni_hostname": target.host, "timeout": httpx.Timeout(timeout_s).as_dict()},
    )
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout_s) as client:
        answer = await client.send(request, stream=True)
        try:
            said = await _shown(answer)
        finally:
            await answer.aclose()
    if answer.is_success:
        return said
    raise SendFailed(said, retry_after_s=_retry_after_s(answer))


async def _shown(answer: httpx.Response) -> str:
    """The status and the beginning of the body, on one line."""
    raw = b""
    async for chunk in answer.aiter_raw():  # as it comes: nothing that unpacks to gigabytes
        raw += chunk
        if len(raw) >= _MAX_ANSWER_BYTES:
            break
    text = re.sub(r"\s+", " ", raw[:_MAX_ANSWER_BYTES].decode("utf-8", "replace")).strip()
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return f"{answer.status_code} {shown[:_MAX_SHOWN]}".strip()


def _retry_after_s(answer: httpx.Response) -> float:
    value = answer.headers.get("retry-after", "")
    return float(value) if value.isdigit() and len(value) < 6 else 0.0
