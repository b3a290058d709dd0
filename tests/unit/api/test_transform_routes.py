"""`/v1/transforms`: what is kept, what is refused, and header values that never come back."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gatewayops.api.app import ControlParts
from gatewayops.policy.validation.transforms import Transforms
from gatewayops.store.control import snapshot_feed
from gatewayops.store.control.directory import DEFAULT_ORG

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

ROUTE = "/v1/transforms"
TRANSFORM = {
    "name": "tenant",
    "server": "files",
    "tool": "read",
    "position": 3,
    "request": [{"op": "set", "path": "/limit", "value": 10}, {"op": "rename", "path": "/q", "to": "query"}],
    "response": [{"op": "remove", "path": "/structuredContent/secret"}],
    "headers": {"X-Tenant": "tenant-4711"},
}


async def test_a_transformation_comes_back_without_the_values_of_its_headers(
    admin: httpx.AsyncClient,
) -> None:
    made = await admin.post(ROUTE, json=TRANSFORM)
    assert made.status_code == 201, made.text
    kept = made.json()["transform"]
    assert kept["header_names"] == ["X-Tenant"]
    assert kept["request"][0] == {"op": "set", "path": "/limit", "to": None, "value": 10}
    shown = await admin.get(f"{ROUTE}/{kept['id']}")
    assert shown.json()["transform"] == kept
    listed = await admin.get(ROUTE)
    assert listed.json()["transforms"] == [kept]
    assert "4711" not in made.text + shown.text + listed.text
    assert (await admin.delete(f"{ROUTE}/{kept['id']}")).status_code == 204
    assert (await admin.get(f"{ROUTE}/{kept['id']}")).status_code == 404
    assert (await admin.delete(f"{ROUTE}/{kept['id']}")).status_code == 404


async def test_what_is_saved_is_what_a_gateway_does(admin: httpx.AsyncClient, parts: ControlParts) -> None:
    kept = (await admin.post(ROUTE, json=TRANSFORM)).json()["transform"]
    without_headers = {name: value for name, value in TRANSFORM.items() if name != "headers"}
    changed = await admin.put(f"{ROUTE}/{kept['id']}", json={**without_headers, "position": 1})
    assert changed.json()["transform"]["header_names"] == ["X-Tenant"]

    transforms = Transforms(parts.sealer)
    async with parts.database.reading() as session:
        transforms.replace(await snapshot_feed.build(session))
        stored = (await session.execute(text("SELECT sealed_headers FROM transform_rules"))).scalar_one()
    found = transforms.of(DEFAULT_ORG, "files", "read")

    assert found is not None
    assert found.request(b'{"q":1}') == b'{"limit":10,"query":1}'
    assert found.headers == ((b"x-tenant", b"tenant-4711"),)
    assert b"4711" not in bytes(stored)
    await admin.put(f"{ROUTE}/{kept['id']}", json={**TRANSFORM, "headers": {}})
    assert (await admin.get(f"{ROUTE}/{kept['id']}")).json()["transform"]["header_names"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"request": [{"op": "copy", "path": "/a"}]}, "request.0.op"),
        ({"request": [{"op": "set", "path": "a", "value": 1}]}, "request.0.path"),
        ({"request": [{"op": "set", "path": "a/b", "value": 1}]}, "request.0.path"),
        ({"request": [{"op": "set", "path": "/a~b", "value": 1}]}, "request.0.path"),
        ({"response": [{"op": "set", "path": "/a"}]}, "response.0.value"),
        ({"response": [{"op": "remove", "path": "/a", "value": 1}]}, "response.0.value"),
        ({"response": [{"op": "remove", "path": "/a", "to": "b"}]}, "response.0.to"),
        ({"response": [{"op": "rename", "path": "/a"}]}, "response.0.to"),
        ({"response": [{"op": "rename", "path": "/a", "to": ""}]}, "response.0.to"),
        ({"request": [{"op": "set", "path": "/a", "value": "x" * 9_000}]}, "request.0.value"),
        ({"request": [{"op": "remove", "path": "/a"}] * 33}, "request"),
        ({"name": ""}, "name"),
        ({"position": -1}, "position"),
        ({"method": "tools/list"}, "method"),
        *[
            ({"headers": {name: "x"}}, "headers")
            for name in (
                "Host",
                "content-length",
                "Connection",
                "Transfer-Encoding",
                "Authorization",
                "Cookie",
                "MCP-Session-Id",
                "mcp-anything",
                "TraceParent",
                "proxy-authorization",
                "x-gatewayops-key",
                "bad name",
                "",
            )
        ],
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "headers.X-A"),
        ({"headers": {"X-A": ""}}, "headers.X-A"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers.x-a"),
        ({"headers": {f"x-{n}": "a" for n in range(40)}}, "headers"),
    ],
)
async def test_a_transformation_that_cannot_be_kept_is_refused_with_its_field(
    admin: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    answer = await admin.post(ROUTE, json={"name": "t", **change})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith(field), answer.json()


@pytest.mark.parametrize(
    "value",
    [b"NaN", b'"\\ud800"', b"1e999", b"9" * 5_000, b"[" * 900 + b"]" * 900, b"[" * 90_000],
)
async def test_no_value_makes_the_route_fail(admin: httpx.AsyncClient, value: bytes) -> None:
    body = b'{"name":"t","request":[{"op":"set","path":"/a","value":' + value + b"}]}"

    answer = await admin.post(ROUTE, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400


async def test_a_name_is_taken_once(admin: httpx.AsyncClient) -> None:
    first = (await admin.post(ROUTE, json={"name": "one"})).json()["transform"]["id"]
    await admin.post(ROUTE, json={"name": "two"})

    assert (await admin.post(ROUTE, json={"name": "one"})).status_code == 409
    assert (await admin.put(f"{ROUTE}/{first}", json={"name": "two"})).status_code == 409
    assert (await admin.put(f"{ROUTE}/{first}", json={"name": "one"})).status_code == 200


async def test_a_key_changes_only_what_its_servers_and_organisation_cover(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    limited = await client_of(DEFAULT_ORG, "transforms.*", servers=("files",))
    other = await client_of("org_other", "transforms.*")
    mail = (await admin.post(ROUTE, json={"name": "mail", "server": "mail"})).json()["transform"]["id"]

    assert (await limited.post(ROUTE, json={"name": "a", "server": "files"})).status_code == 201
    assert (await limited.post(ROUTE, json={"name": "b", "server": "mail"})).status_code == 403
    assert (await limited.post(ROUTE, json={"name": "c"})).status_code == 403
    moved = await limited.put(f"{ROUTE}/{mail}", json={"name": "mail", "server": "files"})
    assert moved.status_code == 403
    assert (await limited.delete(f"{ROUTE}/{mail}")).status_code == 403
    for answer in (
        await other.get(f"{ROUTE}/{mail}"),
        await other.put(f"{ROUTE}/{mail}", json={"name": "mine"}),
        await other.delete(f"{ROUTE}/{mail}"),
    ):
        assert answer.status_code == 404
