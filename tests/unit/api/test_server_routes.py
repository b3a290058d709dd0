"""MCP servers over REST: addresses that are refused, headers that never come back, tenants apart."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gatewayops.api.app import ControlParts
from gatewayops.store import snapshot
from gatewayops.store.control import snapshot_feed

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

PUBLIC = "https://93.184.215.14/mcp"
LOCAL = "http://127.0.0.1:9/mcp"


async def add(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/servers", json={"name": "github", "url": PUBLIC, **body})


async def test_a_registered_server_is_found_by_name_and_id(admin: httpx.AsyncClient) -> None:
    made = await add(admin)
    assert made.status_code == 201
    server = made.json()["server"]
    assert {
        name: server[name] for name in ("timeout_s", "connect_timeout_s", "retries", "max_in_flight")
    } == {
        "timeout_s": 30.0,
        "connect_timeout_s": 5.0,
        "retries": 2,
        "max_in_flight": 100,
    }
    for ref in ("github", server["id"]):
        assert (await admin.get(f"/v1/servers/{ref}")).json()["server"] == server
    assert (await add(admin)).status_code == 409


async def test_header_values_are_sealed_and_never_come_back(
    admin: httpx.AsyncClient, parts: ControlParts
) -> None:
    value = "Bearer upstream-secret-value"
    made = await add(admin, headers={"Authorization": value})
    seen = made.text + (await admin.get("/v1/servers")).text
    assert "upstream-secret" not in seen
    assert made.json()["server"]["header_names"] == ["Authorization"]
    async with parts.database.reading() as session:
        (row,) = (await snapshot_feed.build(session)).servers
    assert b"upstream-secret" not in row.sealed_headers
    assert value.encode() in parts.credentials.keyring.open(row.sealed_headers, bound_to=row.bound_to())


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-A": "a\r\nHost: other"}, id="CRLF in a value"),
        pytest.param({"X-A": "a\x00b"}, id="NUL in a value"),
        pytest.param({"X-A\r\nB": "c"}, id="CRLF in a name"),
        pytest.param({"X A": "b"}, id="a space in a name"),
        pytest.param({"": "b"}, id="no name"),
        pytest.param({"X-A": ""}, id="no value"),
        pytest.param({"X-A": " b"}, id="a space before the value"),
        pytest.param({"X-A": "ü"}, id="not ASCII"),
        pytest.param({"X-A": "1", "x-a": "2"}, id="the same name twice"),
        pytest.param({"Host": "x"}, id="Host"),
        pytest.param({"content-length": "1"}, id="Content-Length"),
        pytest.param({"Transfer-Encoding": "chunked"}, id="Transfer-Encoding"),
        pytest.param({"Connection": "close"}, id="Connection"),
        pytest.param({"Mcp-Session-Id": "x"}, id="Mcp-Session-Id"),
        pytest.param({"Mcp-Param-Region": "x"}, id="Mcp-Param-*"),
        pytest.param({"Proxy-Authorization": "x"}, id="Proxy-*"),
    ],
)
async def test_headers_that_would_break_or_fool_the_hop_are_refused(
    admin: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await add(admin, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("headers")


@pytest.mark.parametrize("url", [f"{PUBLIC}?api_key=kx93jd02kd8Xq", f"{PUBLIC}?x=AKIAIOSFODNN7EXAMPLE"])
async def test_a_secret_in_the_address_is_refused_for_it_would_be_kept_readable(
    admin: httpx.AsyncClient, url: str
) -> None:
    refused = await add(admin, url=url)
    assert refused.status_code == 400
    assert "header" in refused.json()["message"]
    assert url not in refused.text


async def test_over_the_api_a_private_address_needs_the_setting(client_of: ClientMaker) -> None:
    client = await client_of("org_default", "servers.*")
    for url in (LOCAL, "http://localhost/mcp", "http://10.0.0.1/", "http://2130706433/", "http://[::1]/"):
        answer = await add(client, url=url)
        assert answer.status_code == 400
        assert answer.json()["reason"] == "upstream_address"
        assert "GATEWAYOPS_CONTROL__ALLOW_PRIVATE_UPSTREAMS" in answer.json()["message"]
    wished = await add(client, url=LOCAL, allow_private_network=True)
    assert wished.status_code == 403
    assert "GATEWAYOPS_CONTROL__ALLOW_PRIVATE_UPSTREAMS" in wished.json()["message"]


async def test_an_allowed_server_cannot_be_moved_inside(client_of: ClientMaker) -> None:
    client = await client_of("org_default", "servers.*")
    assert (await add(client)).status_code == 201
    assert (await client.patch("/v1/servers/github", json={"url": LOCAL})).status_code == 400
    assert (await client.patch("/v1/servers/github", json={"allow_private_network": True})).status_code == 403


async def test_the_person_at_the_machine_may_name_loopback(admin: httpx.AsyncClient) -> None:
    made = await add(admin, url=LOCAL)
    assert made.status_code == 201
    assert made.json()["server"]["allow_private_network"] is True
    moved = await admin.patch("/v1/servers/github", json={"url": PUBLIC, "allow_private_network": False})
    assert moved.json()["server"]["allow_private_network"] is False


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://0.0.0.0/"]
)
async def test_not_even_they_may_name_the_clouds_metadata(admin: httpx.AsyncClient, url: str) -> None:
    for is_allowed in (False, True):
        answer = await add(admin, url=url, allow_private_network=is_allowed)
        assert answer.status_code == 400
        assert answer.json()["reason"] == "upstream_address"


async def test_a_change_keeps_what_it_does_not_name(admin: httpx.AsyncClient) -> None:
    before = (await add(admin, headers={"X-Key": "k"})).json()["server"]
    after = (await admin.patch("/v1/servers/github", json={"timeout_s": 5})).json()["server"]
    assert after.pop("timeout_s") == 5.0
    assert after.pop("updated_at") > before.pop("updated_at")
    before.pop("timeout_s")
    assert after == before


async def test_headers_do_not_follow_a_server_to_another_host(admin: httpx.AsyncClient) -> None:
    await add(admin, headers={"X-Key": "k"})
    same_host = await admin.patch("/v1/servers/github", json={"url": PUBLIC + "/v2"})
    assert same_host.json()["server"]["header_names"] == ["X-Key"]
    elsewhere = {"url": "https://93.184.215.15/mcp"}
    assert (await admin.patch("/v1/servers/github", json=elsewhere)).status_code == 400
    moved = await admin.patch("/v1/servers/github", json={**elsewhere, "headers": {}})
    assert moved.json()["server"]["header_names"] == []


async def test_a_key_for_one_server_changes_no_other(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    await add(admin)
    await add(admin, name="gitlab")
    client = await client_of("org_default", "servers.*", servers=("gitlab",))
    for request in (
        client.get("/v1/servers/github"),
        client.patch("/v1/servers/github", json={}),
        client.patch("/v1/servers/gitlab", json={"name": "other"}),
        client.delete("/v1/servers/github"),
        client.post("/v1/servers/github/test"),
        add(client, name="third"),
    ):
        answer = await request
        assert answer.status_code == 403
        assert answer.json()["reason"] == "server_not_granted"
    listed = (await client.get("/v1/servers")).json()["servers"]
    assert [server["name"] for server in listed] == ["gitlab"]


async def test_another_organisation_sees_and_changes_nothing(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    server_id = (await add(admin)).json()["server"]["id"]
    other = await client_of("org_other", "*")
    for ref in ("github", server_id):
        assert (await other.get(f"/v1/servers/{ref}")).status_code == 404
        assert (await other.patch(f"/v1/servers/{ref}", json={"retries": 0})).status_code == 404
        assert (await other.delete(f"/v1/servers/{ref}")).status_code == 404
        assert (await other.post(f"/v1/servers/{ref}/test")).status_code == 404
    assert (await other.get("/v1/servers")).json()["servers"] == []


async def test_testing_a_server_that_is_away_says_why(admin: httpx.AsyncClient) -> None:
    await add(admin, url=LOCAL, connect_timeout_s=2)
    answer = await admin.post("/v1/servers/github/test")
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert answer.json()["error"]


async def test_a_server_is_tried_before_it_is_kept_and_nothing_of_it_stays(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    tried = await admin.post("/v1/servers/test", json={"url": LOCAL, "connect_timeout_s": 2})
    assert (tried.status_code, tried.json()["ok"]) == (200, False)
    assert "127.0.0.1" in tried.json()["error"]
    assert (await admin.get("/v1/servers")).json()["servers"] == []

    writer = await client_of("org_default", "servers.write")
    inside = await writer.post("/v1/servers/test", json={"url": LOCAL})
    assert (inside.status_code, inside.json()["reason"]) == (400, "upstream_address")
    wished = await writer.post("/v1/servers/test", json={"url": LOCAL, "allow_private_network": True})
    assert wished.status_code == 403
    fooling = await admin.post("/v1/servers/test", json={"url": LOCAL, "headers": {"Host": "x"}})
    assert fooling.status_code == 400
    reader = await client_of("org_default", "servers.read")
    assert (await reader.post("/v1/servers/test", json={"url": PUBLIC})).status_code == 403


async def test_a_removed_server_leaves_the_snapshot(admin: httpx.AsyncClient, parts: ControlParts) -> None:
    await add(admin)
    assert (await admin.delete("/v1/servers/github")).status_code == 204
    async with parts.database.reading() as session:
        assert (await snapshot_feed.build(session)).servers == ()


async def test_the_gateway_gets_snapshots_with_the_token_only(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    token = {"X-GatewayOps-Internal": "only our own roles know this"}
    assert (await anyone.get("/internal/snapshot")).status_code == 401
    assert (await admin.get("/internal/snapshot")).status_code == 401
    first = await anyone.get("/internal/snapshot?wait_s=20", headers=token)
    await add(admin)
    newer = {"revision": snapshot.decode(first.content).revision, "wait_s": 20}
    answer = await anyone.get("/internal/snapshot", params=newer, headers=token)
    got = snapshot.decode(answer.content)
    assert [server.name for server in got.servers] == ["github"]
    known = {"revision": got.revision, "wait_s": 0.01}
    assert (await anyone.get("/internal/snapshot", params=known, headers=token)).status_code == 204
