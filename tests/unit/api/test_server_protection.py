"""How a server's callers are known: set over REST, told to gateways, at an address of its own."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gatewayops.api.app import ControlParts
from gatewayops.store.control import snapshot_feed

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]
PUBLIC = "https://93.184.215.14/mcp"


async def add(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/servers", json={"name": "github", "url": PUBLIC, **body})


async def test_a_server_is_for_keys_unless_something_else_is_said(admin: httpx.AsyncClient) -> None:
    server = (await add(admin)).json()["server"]

    assert (server["auth"], server["oauth_scopes"], server["allows_sign_up"]) == ("api_key", [], False)
    assert (server["slug"], server["address"]) == ("github", "http://127.0.0.1:8080/v1/mcp/github")


async def test_gateways_learn_who_may_call(admin: httpx.AsyncClient, parts: ControlParts) -> None:
    await add(admin, auth="platform_oauth", oauth_scopes=["read", "write", "read"], allows_sign_up=True)
    await admin.patch("/v1/servers/github", json={"oauth_scopes": ["read"], "timeout_s": 5})
    shown = (await admin.get("/v1/servers/github")).json()["server"]
    async with parts.database.reading() as session:
        (row,) = (await snapshot_feed.build(session)).servers

    assert (shown["auth"], shown["oauth_scopes"], shown["allows_sign_up"]) == (
        "platform_oauth",
        ["read"],
        True,
    )
    assert (row.auth, row.slug, row.oauth_scopes, row.timeout_s) == ("platform_oauth", "github", ("read",), 5)


async def test_opening_a_server_to_anybody_is_in_the_audit_log(admin: httpx.AsyncClient) -> None:
    await add(admin)
    changed = await admin.patch("/v1/servers/github", json={"auth": "none"})
    (entry, *_) = (await admin.get("/v1/logs/audit", params={"action": "server.*"})).json()["entries"]

    assert changed.json()["server"]["auth"] == "none"
    assert (entry["before"], entry["after"]) == ({"auth": "api_key"}, {"auth": "none"})


async def test_two_organisations_never_share_an_address(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    other = await client_of("org_other", "servers.read", "servers.write")
    first, second = [(await add(client)).json()["server"] for client in (admin, other)]

    assert (first["name"], first["slug"]) == ("github", "github")
    assert (second["name"], second["slug"]) == ("github", "github-other")


async def test_an_address_outlasts_another_name(admin: httpx.AsyncClient) -> None:
    await add(admin, auth="platform_oauth")
    renamed = (await admin.patch("/v1/servers/github", json={"name": "code"})).json()["server"]

    assert (renamed["name"], renamed["slug"]) == ("code", "github")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"auth": "oauth"}, id="no such way"),
        pytest.param({"auth": ""}, id="empty"),
        pytest.param({"oauth_scopes": ["a b"]}, id="a space in a scope"),
        pytest.param({"oauth_scopes": ['a"b']}, id="a quote in a scope"),
        pytest.param({"oauth_scopes": ["a\\b"]}, id="a backslash in a scope"),
        pytest.param({"oauth_scopes": [""]}, id="an empty scope"),
        pytest.param({"oauth_scopes": ["offline_access"]}, id="offline_access"),
        pytest.param({"oauth_scopes": [f"s{n}" for n in range(51)]}, id="many scopes"),
        pytest.param({"slug": "My_Notes"}, id="a slug that is no label of a host"),
        pytest.param({"slug": "www"}, id="a reserved slug"),
        pytest.param({"slug": "xn--nts-sna"}, id="another name in disguise"),
        pytest.param({"allowed_origins": ["https://app.example/page"]}, id="an origin with a path"),
        pytest.param({"allowed_origins": ["null"]}, id="the origin of nobody"),
    ],
)
async def test_what_makes_no_sense_is_refused(admin: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await add(admin, **body)

    assert answer.status_code in (400, 422)
    assert next(iter(body)) in answer.text


async def test_a_slug_may_be_chosen_and_changed(admin: httpx.AsyncClient) -> None:
    made = (await add(admin, slug="octo")).json()["server"]
    changed = (await admin.patch("/v1/servers/github", json={"slug": "octocat"})).json()["server"]

    assert (made["slug"], made["address"]) == ("octo", "http://127.0.0.1:8080/v1/mcp/octo")
    assert (changed["slug"], changed["name"]) == ("octocat", "github")


async def test_who_lets_go_of_a_slug_leaves_its_callers_to_nobody_else(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    other = await client_of("org_other", "servers.read", "servers.write")
    await add(admin, slug="octo")
    taken = await add(other, slug="octo")
    await admin.patch("/v1/servers/github", json={"slug": "octocat"})
    let_go = await add(other, slug="octo")
    await admin.delete("/v1/servers/github")
    removed = await add(other, slug="octocat")
    back = await add(admin, slug="octo")

    assert [answer.status_code for answer in (taken, let_go, removed)] == [409, 409, 409]
    assert back.json()["server"]["slug"] == "octo"


async def test_a_name_that_is_reserved_gets_another_slug(admin: httpx.AsyncClient) -> None:
    assert (await add(admin, name="www")).json()["server"]["slug"] == "www-default"


async def test_keys_never_find_two_servers_at_one_address(admin: httpx.AsyncClient) -> None:
    await add(admin, slug="octo")

    assert (await add(admin, name="octo-2", slug="github")).status_code == 409
    assert (await add(admin, name="octo")).status_code == 409
