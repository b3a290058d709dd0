"""Rate limits over REST."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

SERVER = {"name": "github", "url": "https://mcp.example.com/mcp"}


async def make_key(admin: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    key: dict[str, Any] = (await admin.post("/v1/auth/keys", json={"name": "agent", **more})).json()["key"]
    return key


async def test_a_limit_is_set_shown_listed_replaced_and_removed(admin: httpx.AsyncClient) -> None:
    key = await make_key(admin)
    body = {"scope": "api_key", "subject": key["prefix"], "limit": 1000, "window": "1m", "burst": 50}
    answer = await admin.put("/v1/limits", json=body)
    assert answer.status_code == 200
    limit = answer.json()["limit"]
    assert limit == {
        "id": limit["id"],
        "scope": "api_key",
        "subject": key["id"],
        "subject_name": "agent",
        "limit": 1000,
        "window": "1m",
        "burst": 50,
        "created_at": limit["created_at"],
    }
    assert (await admin.get(f"/v1/limits/{limit['id']}")).json()["limit"] == limit
    again = await admin.put("/v1/limits", json={"scope": "api_key", "subject": key["id"], "limit": 5})
    assert again.json()["limit"]["id"] == limit["id"]
    assert [row["limit"] for row in (await admin.get("/v1/limits")).json()["limits"]] == [5]
    assert (await admin.delete(f"/v1/limits/{limit['id']}")).status_code == 204
    assert (await admin.delete(f"/v1/limits/{limit['id']}")).status_code == 404


async def test_a_limit_is_removed_by_what_it_was_set_for(admin: httpx.AsyncClient) -> None:
    await admin.put("/v1/limits", json={"scope": "global", "limit": 10, "window": "1s"})
    await admin.put("/v1/limits", json={"scope": "user", "subject": "*", "limit": 10})
    for params in ({"scope": "global"}, {"scope": "user", "subject": "*"}):
        assert (await admin.delete("/v1/limits", params=params)).status_code == 204
        assert (await admin.delete("/v1/limits", params=params)).status_code == 404
    assert (await admin.get("/v1/limits")).json()["limits"] == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"subject": "key_nobody"}, 404, id="no such key"),
        pytest.param({"subject": ""}, 404, id="no subject"),
        pytest.param({"scope": "user", "subject": "ada@example.com"}, 404, id="no such user"),
        pytest.param({"scope": "team", "subject": "nowhere"}, 404, id="no such team"),
        pytest.param({"scope": "server", "subject": "nowhere"}, 404, id="no such server"),
        pytest.param({"scope": "global", "subject": "x"}, 400, id="global has no subject"),
        pytest.param({"scope": "project"}, 400, id="no such scope"),
        pytest.param({"limit": -1}, 400, id="negative"),
        pytest.param({"limit": 10**30}, 400, id="too large"),
        pytest.param({"limit": 1.5}, 400, id="no whole number"),
        pytest.param({"burst": -1}, 400, id="negative burst"),
        pytest.param({"window": "1d"}, 400, id="no such window"),
        pytest.param({"subject": "a\x00b"}, 400, id="control characters"),
        pytest.param({"rate": 5}, 400, id="unknown field"),
    ],
)
async def test_what_cannot_be_a_limit_is_refused_and_named(
    admin: httpx.AsyncClient, change: dict[str, Any], status: int
) -> None:
    body = {"scope": "api_key", "subject": "*", "limit": 5, **change}
    answer = await admin.put("/v1/limits", json=body)
    assert answer.status_code == status
    assert next(iter(change)) in answer.json()["message"] or "subject" in answer.json()["message"]


async def test_the_limits_of_a_key_are_its_own_and_those_it_stands_under(admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/teams", json={"name": "engineering"})
    team = (await admin.post("/v1/teams", json={"name": "platform", "parent": "engineering"})).json()["team"]
    await admin.post("/v1/users", json={"email": "ada@example.com", "team": "platform"})
    server = (await admin.post("/v1/servers", json=SERVER)).json()["server"]
    key = await make_key(admin, user="ada@example.com")
    for rule in (
        {"scope": "user", "subject": "ada@example.com", "limit": 7, "window": "1s", "burst": 2},
        {"scope": "team", "subject": "engineering", "limit": 9},
        {"scope": "server", "subject": "github", "limit": 11},
        {"scope": "global", "limit": 0},
    ):
        assert (await admin.put("/v1/limits", json=rule)).status_code == 200

    answer = await admin.get("/v1/limits/effective", params={"key": key["id"], "server": "github"})

    told = [(row["scope"], row["limit"], row["window"], row["source"]) for row in answer.json()["limits"]]
    assert told == [
        ("api_key", 500, "1m", "default"),
        ("user", 7, "1s", "rule"),
        ("team", 1000, "1m", "default"),
        ("server", 11, "1m", "rule"),
        ("team", 9, "1m", "rule"),
    ]
    assert answer.json()["limits"][2]["subject"] == team["id"]
    assert answer.json()["limits"][3]["subject"] == server["id"]
    assert (await admin.get("/v1/limits/effective?key=key_nobody")).status_code == 404
    assert (await admin.get(f"/v1/limits/effective?key={key['id']}&server=nowhere")).status_code == 404


async def test_limits_belong_to_an_organisation_and_need_their_action(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    key = await make_key(admin)
    limit = (await admin.put("/v1/limits", json={"scope": "global", "limit": 5})).json()["limit"]
    other = await client_of("org_other", "limits.*")
    assert (await other.get("/v1/limits")).json()["limits"] == []
    assert (await other.get(f"/v1/limits/{limit['id']}")).status_code == 404
    assert (await other.delete(f"/v1/limits/{limit['id']}")).status_code == 404
    body = {"scope": "api_key", "subject": key["id"], "limit": 1}
    assert (await other.put("/v1/limits", json=body)).status_code == 404
    reader = await client_of("org_default", "limits.read")
    assert (await reader.get("/v1/limits")).status_code == 200
    assert (await reader.put("/v1/limits", json=body)).status_code == 403
    assert (await reader.delete(f"/v1/limits/{limit['id']}")).status_code == 403
