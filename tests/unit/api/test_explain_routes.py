"""Why something is allowed or denied: rule, role, whom it was inherited from, and the scopes."""

from typing import Any

import httpx
import pytest


@pytest.fixture
async def key(admin: httpx.AsyncClient) -> dict[str, Any]:
    """Ada's key; her team may read files, the organisation is denied one of them, all are viewers."""

    async def made(path: str, **body: Any) -> dict[str, Any]:
        answer = await admin.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return next(iter(answer.json().values()))

    await made("/v1/servers", name="files", url="https://mcp.example.com/mcp")
    await made("/v1/teams", name="platform")
    await made("/v1/teams", name="search", parent="platform")
    await made("/v1/users", email="ada@example.com", team="search")
    await made("/v1/roles/viewer/bindings", subject_kind="organization")
    rule = {"server": "files", "action": "tools.*"}
    await made(
        "/v1/policies", subject_kind="team", subject="platform", effect="allow", named="read_*", **rule
    )
    await made("/v1/policies", subject_kind="organization", effect="deny", named="*_secret", **rule)
    return await made(
        "/v1/auth/keys", name="agent", user="ada@example.com", scopes={"actions": ["mcp.*", "keys.*"]}
    )


async def explained(client: httpx.AsyncClient, **asked: str) -> dict[str, Any]:
    answer = await client.get("/v1/policies/explain", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["explanation"]


async def test_an_allow_names_its_rule_and_whom_it_comes_from(
    admin: httpx.AsyncClient, key: dict[str, Any]
) -> None:
    told = await explained(admin, principal=key["id"], server="files", tool="read_text")
    assert told["allowed"]
    assert told["decided_by"] == "policy"
    assert told["question"] == {
        "principal": key["id"],
        "server": "files",
        "action": "tools.call",
        "named": "read_text",
    }
    assert (told["rule"]["effect"], told["rule"]["named"], told["rule"]["role"]) == ("allow", "read_*", None)
    inherited = told["rule"]["inherited_from"]
    assert (inherited["kind"], inherited["name"]) == ("team", "platform")
    assert [(link["kind"], link["name"], link["roles"]) for link in told["chain"]] == [
        ("key", "agent", []),
        ("user", "ada@example.com", []),
        ("team", "search", []),
        ("team", "platform", []),
        ("organization", "Default organisation", ["viewer"]),
    ]
    assert told["scopes"]["allowed"]
    assert told["recorded"] is None


async def test_a_deny_comes_first_among_all_rules_that_match(
    admin: httpx.AsyncClient, key: dict[str, Any]
) -> None:
    told = await explained(admin, principal=key["id"], server="files", tool="read_secret")
    assert (told["allowed"], told["reason"], told["decided_by"]) == (False, "role_not_granted", "policy")
    assert [rule["effect"] for rule in told["matching"]] == ["deny", "allow"]
    assert told["rule"] == told["matching"][0]


async def test_a_role_is_named_and_so_is_its_absence(admin: httpx.AsyncClient, key: dict[str, Any]) -> None:
    listing = await explained(admin, principal=key["id"], server="files", action="mcp.prompts.list")
    assert (listing["decided_by"], listing["rule"]["role"]) == ("role", "viewer")
    assert listing["rule"]["role_id"] == "role_viewer"
    calling = await explained(admin, principal=key["id"], server="files", prompt="summary")
    assert (calling["allowed"], calling["decided_by"], calling["rule"]) == (False, "no rule", None)
    assert calling["question"]["action"] == "prompts.get"
    assert calling["is_governed_by_roles"]


async def test_scopes_and_roles_are_told_apart(admin: httpx.AsyncClient, key: dict[str, Any]) -> None:
    told = await explained(admin, principal=key["id"], action="traces.read")
    assert (told["allowed"], told["reason"], told["decided_by"]) == (False, "action_not_granted", "scopes")
    assert (told["scopes"]["allowed"], told["roles"]["allowed"]) == (False, True)
    told = await explained(admin, principal=key["id"], action="keys.write")
    assert (told["allowed"], told["reason"], told["decided_by"]) == (False, "role_not_granted", "no rule")
    assert (told["scopes"]["allowed"], told["roles"]["allowed"]) == (True, False)


async def test_a_user_is_explained_without_a_key(admin: httpx.AsyncClient, key: dict[str, Any]) -> None:
    told = await explained(admin, principal="ada@example.com", server="files", tool="read_text")
    assert told["allowed"]
    assert [link["kind"] for link in told["chain"]] == ["user", "team", "team", "organization"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param({}, 400, id="nobody"),
        pytest.param({"principal": "ada@example.com"}, 400, id="nothing"),
        pytest.param({"principal": "ada@example.com", "tool": "x"}, 400, id="a tool of no server"),
        pytest.param(
            {"principal": "ada@example.com", "server": "files", "tool": "x", "prompt": "y"},
            400,
            id="two things",
        ),
        pytest.param({"principal": "eve@example.com", "action": "keys.read"}, 400, id="an unknown user"),
        pytest.param({"principal": "key_unknown", "action": "keys.read"}, 404, id="an unknown key"),
        pytest.param({"principal": "ada@example.com", "server": "mail"}, 404, id="an unknown server"),
        pytest.param({"trace_id": "t"}, 503, id="a trace while the telemetry store is away"),
    ],
)
async def test_a_question_that_makes_no_sense_says_why(
    admin: httpx.AsyncClient, key: dict[str, Any], asked: dict[str, str], status: int
) -> None:
    answer = await admin.get("/v1/policies/explain", params=asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


async def test_another_organisations_principals_are_unknown(
    admin: httpx.AsyncClient, key: dict[str, Any], client_of: Any
) -> None:
    other = await client_of("org_other", "*")
    for principal in (key["id"], key["metadata"]["user_id"], "ada@example.com"):
        answer = await other.get(
            "/v1/policies/explain", params={"principal": principal, "action": "keys.read"}
        )
        assert answer.status_code in (400, 404)
