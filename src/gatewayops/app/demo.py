"""Registers the demo server and its API key through the API, at each start with `--demo`."""

from typing import Any

import httpx
import msgspec

from gatewayops.app import demo_key
from gatewayops.app.demo_key import SERVER_NAME, DemoKey
from gatewayops.app.layout import DataDirectory
from gatewayops.base.errors import GatewayOpsError

_PAGE = 200


class DemoFailed(GatewayOpsError):
    """The API refused what the demo needs; the detail is the API's."""


async def register(client: httpx.AsyncClient, data: DataDirectory, *, url: str) -> None:
    """The server `demo` at `url`, and a key that is not revoked; both as they were when nothing changed."""
    await _register_server(client, url)
    kept = demo_key.read(data)
    if kept is None or not await _is_usable(client, kept):
        made = await _asked(client, "POST", "/v1/auth/keys", {"name": SERVER_NAME, "env": "dev"})
        demo_key.write(data, msgspec.convert(made["key"], DemoKey))


async def _register_server(client: httpx.AsyncClient, url: str) -> None:
    found = await client.get(f"/v1/servers/{SERVER_NAME}")
    if found.status_code == httpx.codes.NOT_FOUND:
        spec = {"name": SERVER_NAME, "url": url, "timeout_s": 60, "allow_private_network": True}
        await _asked(client, "POST", "/v1/servers", spec)
    elif found.is_success and found.json()["server"]["url"] != url:
        await _asked(client, "PATCH", f"/v1/servers/{SERVER_NAME}", {"url": url})


async def _is_usable(client: httpx.AsyncClient, kept: DemoKey) -> bool:
    cursor: str | None = ""
    while cursor is not None:
        page = await _asked(
            client, "GET", f"/v1/auth/keys?limit={_PAGE}" + (f"&cursor={cursor}" if cursor else "")
        )
        if any(key["id"] == kept.id for key in page["keys"]):
            return True
        cursor = page["cursor"] if page["has_more"] else None
    return False


async def _asked(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, object] | None = None
) -> dict[str, Any]:
    answer = await client.request(method, path, json=body)
    if not answer.is_success:
        msg = f"the demo cannot be set up: {answer.json().get('message', answer.status_code)}"
        raise DemoFailed(msg)
    body_of: dict[str, Any] = answer.json()
    return body_of
