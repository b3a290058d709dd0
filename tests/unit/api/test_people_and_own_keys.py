"""Who is here and with what, who moves whom, and keys of one's own for who may see no others."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from .accounts import bind, token, user

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]
ClientWith = Callable[[str], httpx.AsyncClient]


@pytest.fixture
async def teams(admin: httpx.AsyncClient) -> dict[str, str]:
    """Ids by name: platform above search."""
    found = {}
    for name, parent in (("platform", ""), ("search", "platform")):
        made = await admin.post("/v1/teams", json={"name": name, "parent": parent})
        found[name] = str(made.json()["team"]["id"])
    return found


async def test_people_are_listed_with_their_roles_and_found_by_name_and_team(
    admin: httpx.AsyncClient, teams: dict[str, str]
) -> None:
    ada = await user(admin, "ada@example.com", "viewer")
    bob = (await admin.post("/v1/users", json={"email": "bob@example.com", "team": "search"})).json()["user"]

    async def found(**asked: str) -> list[dict[str, Any]]:
        return (await admin.get("/v1/users", params=asked)).json()["users"]

    assert [one["id"] for one in await found()] == [bob["id"], ada["id"]]
    assert [one["id"] for one in await found(query="BOB@")] == [bob["id"]]
    assert await found(query="%") == []
    assert [one["id"] for one in await found(team="search")] == [bob["id"]]
    shown = (await admin.get(f"/v1/users/{ada['id']}")).json()["user"]
    assert [role["name"] for role in shown["roles"]] == ["viewer"]
    assert shown["second_factors"] == []
    assert (await admin.get("/v1/users/user_none")).status_code == 404


async def test_only_who_holds_everything_moves_people_and_teams(
    admin: httpx.AsyncClient, client_with: ClientWith, client_of: ClientMaker, teams: dict[str, str]
) -> None:
    permission = {"effect": "allow", "action": "directory.*"}
    await admin.post("/v1/roles", json={"name": "clerk", "permissions": [permission]})
    ada = await user(admin, "ada@example.com", "clerk")
    clerk = client_with(await token(admin))
    await admin.post("/v1/roles/admin/bindings", json={"subject_kind": "team", "subject": "platform"})

    person, team = f"/v1/users/{ada['id']}", f"/v1/teams/{teams['search']}"
    for path, move in ((person, {"team": "search"}), (team, {"parent": ""})):
        refused = await clerk.patch(path, json=move)
        assert (path, refused.status_code) == (path, 403)
        assert "you do not hold" in refused.json()["message"]
        assert (await clerk.patch(path, json={"name": "named"})).status_code == 200
    assert (await admin.patch(team, json={"parent": ""})).json()["team"]["parent_id"] is None
    assert (await admin.patch(person, json={"team": "named"})).json()["user"]["team_id"] == teams["search"]
    stranger = await client_of("org_other", "directory.write", "directory.read")
    assert (await stranger.patch("/v1/teams/named", json={"name": "mine"})).status_code == 404
    assert (await stranger.patch(f"/v1/users/{ada['id']}", json={"name": "mine"})).status_code == 404


async def test_a_team_is_never_below_itself(admin: httpx.AsyncClient, teams: dict[str, str]) -> None:
    for parent in ("platform", "search"):
        refused = await admin.patch("/v1/teams/platform", json={"parent": parent})
        assert (refused.status_code, refused.json()["message"]) == (
            400,
            "parent: a team cannot be below itself",
        )
    taken = await admin.patch("/v1/teams/platform", json={"name": "search"})
    assert taken.status_code == 409


async def test_who_is_signed_out_everywhere_signs_in_again(
    admin: httpx.AsyncClient, client_with: ClientWith
) -> None:
    ada = await user(admin)
    sessions = [client_with(await token(admin)) for _ in range(2)]
    assert (await sessions[0].put("/v1/auth/name", json={"name": "Ada L."})).json()["name"] == "Ada L."
    assert (await sessions[0].delete(f"/v1/users/{ada['id']}/sessions")).status_code == 403
    assert (await admin.delete(f"/v1/users/{ada['id']}/sessions")).status_code == 204
    assert [(await one.get("/v1/auth/session")).status_code for one in sessions] == [401, 401]
    assert (await client_with(await token(admin)).get("/v1/auth/session")).status_code == 200


async def test_with_keys_own_alone_one_sees_ones_own_keys_and_no_others(
    admin: httpx.AsyncClient, client_with: ClientWith
) -> None:
    own = [{"effect": "allow", "action": "keys.own"}, {"effect": "allow", "server": "*", "action": "*"}]
    await admin.post("/v1/roles", json={"name": "maker", "permissions": own})
    for email in ("ada@example.com", "bob@example.com"):
        await bind(admin, "maker", (await user(admin, email))["id"])
    ada, bob = [client_with(await token(admin, email)) for email in ("ada@example.com", "bob@example.com")]
    made = [
        await one.post("/v1/auth/keys", json={"name": "k", "scopes": {"actions": ["mcp.*"]}})
        for one in (ada, bob)
    ]
    mine, other = [answer.json()["key"]["id"] for answer in made]

    for asked in ({}, {"user": "bob@example.com"}, {"include_revoked": "true", "query": "k"}):
        listed = await ada.get("/v1/auth/keys", params=asked)
        assert [key["id"] for key in listed.json()["keys"]] == [mine]
    assert (await ada.get(f"/v1/auth/keys/{mine}")).status_code == 200
    refused = await ada.get(f"/v1/auth/keys/{other}")
    assert (refused.status_code, "keys.own" in refused.json()["message"]) == (403, True)
    assert len((await admin.get("/v1/auth/keys")).json()["keys"]) == 2


async def test_a_provider_is_begun_before_it_says_what_it_calls_us(admin: httpx.AsyncClient) -> None:
    begun = {"name": "works", "kind": "oidc", "enabled": False}
    assert (await admin.post("/v1/identity-providers", json=begun | {"enabled": True})).status_code == 400
    made = await admin.post("/v1/identity-providers", json=begun)
    assert made.json()["identity_provider"]["redirect_uri"].endswith("/callback")
    at = "/v1/identity-providers/works"
    for half in (
        {"enabled": True},
        {"issuer": "https://idp.example", "enabled": True},
        {"issuer": "ftp://x"},
    ):
        assert (await admin.patch(at, json=half)).status_code == 400
    whole = {"issuer": "https://idp.example", "client_id": "us", "enabled": True}
    shown = (await admin.patch(at, json=whole)).json()["identity_provider"]
    assert (shown["issuer"], shown["client_id"], shown["enabled"]) == ("https://idp.example", "us", True)


async def test_a_provider_s_secret_goes_to_no_issuer_that_it_was_not_given_for(
    admin: httpx.AsyncClient,
) -> None:
    client = {"issuer": "https://idp.example", "client_id": "us", "client_secret": "for idp.example"}
    await admin.post("/v1/identity-providers", json={"name": "works", "kind": "oidc"} | client)
    at = "/v1/identity-providers/works"

    refused = await admin.patch(at, json={"issuer": "https://elsewhere.example"})
    assert (refused.status_code, refused.json()["message"][:14]) == (400, "client_secret:")
    assert (await admin.patch(at, json={"issuer": "https://idp.example"})).status_code == 200
    moved = {"issuer": "https://elsewhere.example", "client_secret": "for elsewhere"}
    assert (await admin.patch(at, json=moved)).status_code == 200
