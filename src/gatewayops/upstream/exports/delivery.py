"""One export request over HTTP: to an address that was checked, without redirects, with a bound on time."""

import gzip
import ssl
from functools import cache
from urllib.parse import urlsplit

import httpx
import msgspec

from gatewayops.base.errors import GatewayOpsError
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.exports import Destination, export_binding
from gatewayops.upstream.address import resolve

_TIMEOUT_S = 15.0
_MAX_ANSWER = 64 << 10
_PATH = "/v1/traces"


class Target(msgspec.Struct, frozen=True):
    """Where spans go. `headers` are secret."""

    endpoint: str
    headers: dict[str, str] = {}
    is_gzip: bool = True
    allows_private: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What the other side said; status 0 when it said nothing, then `error` says why."""

    status: int
    body: bytes = b""
    retry_after: str = ""
    error: str = ""


async def opened_target(credentials: Credentials, destination: Destination) -> Target:
    """Where a destination's spans go, its headers opened. Raises SealBroken, MasterKeyUnavailable."""
    spec, headers = destination.spec, {}
    if spec.headers_sealed:
        bound_to = export_binding(destination.org_id, destination.id)
        plain = await credentials.open(spec.headers_sealed, org_id=destination.org_id, bound_to=bound_to)
        headers = msgspec.json.decode(plain, type=dict[str, str])
    return Target(spec.endpoint, headers, is_gzip=spec.is_gzip, allows_private=spec.allows_private)


def traces_url(endpoint: str) -> str:
    """As exporters do: the signal's path is added unless it is there."""
    trimmed = endpoint.rstrip("/")
    return trimmed if trimmed.endswith(_PATH) else trimmed + _PATH


async def deliver(target: Target, body: bytes) -> Answer:
    """Sends; never raises for what the network or the other side does."""
    url = urlsplit(traces_url(target.endpoint))
    host, is_tls = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if is_tls else 80)
    headers = target.headers | {"host": url.netloc, "content-type": "application/x-protobuf"}
    if target.is_gzip:
        headers["content-encoding"], body = "gzip", gzip.compress(body, 5)
    try:
        addresses = await resolve(host, port, allows_private=target.allows_private)
        at = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        to = url._replace(netloc=f"{at}:{port}").geturl()
        async with (
            httpx.AsyncClient(
                timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False, verify=_tls()
            ) as client,
            client.stream(
                "POST", to, content=body, headers=headers, extensions={"sni_hostname": host}
            ) as response,
        ):
            said = await _read(response)
            return Answer(response.status_code, said, response.headers.get("retry-after", ""))
    except GatewayOpsError as error:
        return Answer(0, error=error.detail)
    except (httpx.HTTPError, OSError) as error:
        return Answer(0, error=f"{host}: {type(error).__name__}")


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
