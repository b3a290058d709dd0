"""Roles, bindings and policies over REST: what they grant, and that nobody grants more than they hold."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gatewayops.store.control import access
from gatewayops.store.control.database import Database

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]
ClientWith = Callable[[str], httpx.AsyncClient]


async def made(client: httpx.AsyncClient, path: str, noun: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()[noun]


async def new_key(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    return await made(client, "/v1/auth/keys", "key", **{"name": "agent", **body})


async def bind(client: httpx.AsyncClient, role: str, kind: str, subject: str = "") -> dict[str, Any]:
    return await made(client, f"/v1/roles/{role}/bindings", "binding", subject_kind=kind, subject=subject)


async def status(client: httpx.AsyncClient, path: str, method: str = "GET", **body: Any) -> int:
    return (await client.request(method, path, json=body or None)).status_code


@pytest.fixture
async def ada(admin: httpx.AsyncClient) -> dict[str, Any]:
    """A user of team search, below team platform."""
    await admin.post("/v1/teams", json={"name": "platform"})
    await admin.post("/v1/teams", json={"name": "search", "parent": "platform"})
    answer = await admin.post("/v1/users", json={"email": "ada@example.com", "team": "search"})
    return answer.json()["user"]


async def test_a_role_of_ones_own_is_made_changed_and_removed(admin: httpx.AsyncClient) -> None:
    role = await made(
        admin,
        "/v1/roles",
        "role",
        name="support",
        permissions=[{"server": "files", "action": "mcp.tools.call", "named": "get_*"}],
    )
    assert role["permissions"] == [
        {"effect": "allow", "server": "files", "action": "tools.call", "named": "get_*"}
    ]
    listed = (await admin.get("/v1/roles")).json()["roles"]
    assert [row["name"] for row in listed] == ["admin", "developer", "viewer", "support"]
    assert [row["is_predefined"] for row in listed] == [True, True, True, False]
    change = {"name": "helpers", "permissions": [{"effect": "deny", "action": "*.write"}]}
    changed = (await admin.patch("/v1/roles/support", json=change)).json()["role"]
    assert (changed["id"], changed["name"]) == (role["id"], "helpers")
    assert changed["permissions"][0]["effect"] == "deny"
    assert (await admin.get(f"/v1/roles/{role['id']}")).json()["role"] == changed
    assert await status(admin, "/v1/roles/helpers", "DELETE") == 204
    assert await status(admin, "/v1/roles/helpers") == 404


@pytest.mark.parametrize("name", ["viewer", "Viewer", "role_viewer"])
async def test_predefined_roles_stay_as_they_are(admin: httpx.AsyncClient, name: str) -> None:
    assert await status(admin, f"/v1/roles/{name}", "DELETE") == 409
    assert await status(admin, f"/v1/roles/{name}", "PATCH", permissions=[]) == 409
    assert await status(admin, "/v1/roles", "POST", name=name, permissions=[]) in (400, 409)
    assert (await admin.get(f"/v1/roles/{name}")).json()["role"]["id"] == "role_viewer"


async def test_a_role_that_is_held_cannot_be_removed(admin: httpx.AsyncClient, ada: dict[str, Any]) -> None:
    await made(admin, "/v1/roles", "role", name="support", permissions=[])
    binding = await bind(admin, "support", "user", "ADA@example.com")
    assert binding["subject"] == {"kind": "user", "id": ada["id"], "name": "ada@example.com"}
    assert (await bind(admin, "support", "user", ada["id"]))["id"] == binding["id"]
    assert await status(admin, "/v1/roles/support", "DELETE") == 409
    listed = (await admin.get("/v1/roles/support/bindings")).json()["bindings"]
    assert listed == [binding]
    assert await status(admin, f"/v1/roles/support/bindings/{binding['id']}", "DELETE") == 204
    assert await status(admin, "/v1/roles/support", "DELETE") == 204


async def test_a_role_governs_the_api_from_the_next_request_on(
    admin: httpx.AsyncClient, ada: dict[str, Any], client_with: ClientWith
) -> None:
    key = await new_key(admin, user=ada["id"], scopes={"actions": ["*"]})
    client = client_with(key["secret"])
    assert await status(client, "/v1/teams", "POST", name="before") == 201
    binding = await bind(admin, "viewer", "team", "platform")
    assert await status(client, "/v1/teams") == 200
    denied = await client.post("/v1/teams", json={"name": "after"})
    assert (denied.status_code, denied.json()["reason"]) == (403, "role_not_granted")
    assert "directory.write" in denied.json()["message"]
    await admin.delete(f"/v1/roles/viewer/bindings/{binding['id']}")
    assert await status(client, "/v1/teams", "POST", name="later") == 201


async def test_a_denying_policy_holds_without_any_role(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    client = await client_of("org_default", "*")
    other = await client_of("org_other", "*")
    policy = await made(
        admin, "/v1/policies", "policy", subject_kind="organization", effect="deny", action="directory.*"
    )
    assert policy["subject"] == {"kind": "organization", "id": "org_default", "name": "Default organisation"}
    assert await status(client, "/v1/teams") == 403
    assert await status(other, "/v1/teams") == 200
    assert await status(admin, "/v1/teams") == 200  # whoever sits at the machine can always mend it
    changed = await admin.patch(f"/v1/policies/{policy['id']}", json={"action": "directory.write"})
    assert changed.json()["policy"]["effect"] == "deny"
    assert await status(client, "/v1/teams") == 200
    assert await status(admin, f"/v1/policies/{policy['id']}", "DELETE") == 204
    assert await status(admin, f"/v1/policies/{policy['id']}") == 404
    assert await status(client, "/v1/teams", "POST", name="x") == 201


async def test_policies_are_listed_by_subject(admin: httpx.AsyncClient, ada: dict[str, Any]) -> None:
    rule = {"effect": "deny", "server": "files", "action": "tools.call", "named": "delete_*"}
    first = await made(admin, "/v1/policies", "policy", subject_kind="user", subject=ada["id"], **rule)
    second = await made(admin, "/v1/policies", "policy", subject_kind="team", subject="search", **rule)
    assert await status(admin, "/v1/policies", "POST", subject_kind="team", subject="search", **rule) == 409
    everything = (await admin.get("/v1/policies")).json()["policies"]
    assert everything == [second, first]
    of_ada = await admin.get("/v1/policies", params={"subject_kind": "user", "subject": "ada@example.com"})
    assert of_ada.json()["policies"] == [first]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        pytest.param("/v1/auth/keys", {"name": "a", "role": "viewr"}, "role", id="an unknown role for a key"),
        pytest.param("/v1/auth/keys", {"name": "a", "role": "view*"}, "role", id="no pattern for a role"),
        pytest.param(
            "/v1/policies", {"subject_kind": "team", "subject": "x", "server": "*"}, "subject", id="no team"
        ),
        pytest.param("/v1/policies", {"subject_kind": "team", "server": "*"}, "subject", id="an empty team"),
        pytest.param(
            "/v1/policies", {"subject_kind": "key", "subject": "x", "server": "*"}, "subject", id="no key"
        ),
        pytest.param(
            "/v1/policies", {"subject_kind": "Team", "server": "*"}, "subject_kind", id="no kind of ours"
        ),
        pytest.param(
            "/v1/policies",
            {"subject_kind": "organization", "subject": "org_other", "server": "*"},
            "subject",
            id="another tenant",
        ),
        pytest.param("/v1/policies", {"subject_kind": "organization"}, "action", id="tools of no server"),
        pytest.param(
            "/v1/policies",
            {"subject_kind": "organization", "server": "A B", "action": "*"},
            "server",
            id="no server's name",
        ),
        pytest.param(
            "/v1/roles", {"name": "a b", "permissions": []}, "name", id="a name that no address holds"
        ),
        pytest.param(
            "/v1/roles",
            {"name": "a", "permissions": [{"action": "keys.wriet"}]},
            "action",
            id="a typing error",
        ),
    ],
)
async def test_a_wrong_name_is_refused(
    admin: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await admin.post(path, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"].startswith(f"{field}: ")


async def test_an_unknown_role_is_not_found(admin: httpx.AsyncClient) -> None:
    assert await status(admin, "/v1/roles/nobody/bindings", "POST", subject_kind="organization") == 404
    assert await status(admin, "/v1/roles/viewer/bindings/bind_x", "DELETE") == 404
    assert await status(admin, "/v1/policies/pol_x", "PATCH", action="*") == 404


async def test_another_organisation_sees_and_changes_nothing(
    admin: httpx.AsyncClient, ada: dict[str, Any], client_of: ClientMaker
) -> None:
    role = await made(admin, "/v1/roles", "role", name="support", permissions=[])
    binding = await bind(admin, "viewer", "user", ada["id"])
    policy = await made(
        admin, "/v1/policies", "policy", subject_kind="user", subject=ada["id"], server="*", action="*"
    )
    other = await client_of("org_other", "*")
    for path in (f"/v1/roles/{role['id']}", "/v1/roles/support", f"/v1/policies/{policy['id']}"):
        assert await status(other, path) == 404
        assert await status(other, path, "DELETE") == 404
    assert await status(other, f"/v1/roles/viewer/bindings/{binding['id']}", "DELETE") == 404
    assert (await other.get("/v1/roles/viewer/bindings")).json()["bindings"] == []
    assert (await other.get("/v1/policies")).json()["policies"] == []
    body = {"subject_kind": "user", "subject": ada["id"]}
    assert await status(other, "/v1/roles/viewer/bindings", "POST", **body) == 400


async def test_a_viewers_key_is_made_in_one_step(admin: httpx.AsyncClient, client_with: ClientWith) -> None:
    key = await new_key(admin, role="Viewer")
    assert key["roles"] == ["viewer"]
    assert key["scopes"]["actions"][0] == "mcp.*"
    client = client_with(key["secret"])
    for path in ("/v1/auth/keys", "/v1/servers", "/v1/roles", "/v1/teams"):
        assert await status(client, path) == 200
    assert await status(client, "/v1/teams", "POST", name="x") == 403
    assert await status(client, "/v1/auth/keys", "POST", name="x") == 403
    listed = (await admin.get("/v1/auth/keys")).json()["keys"]
    assert [(row["id"], row["roles"]) for row in listed] == [(key["id"], ["viewer"])]
    assert (await admin.get(f"/v1/auth/keys/{key['id']}")).json()["key"]["roles"] == ["viewer"]


async def test_a_developer_makes_ends_and_rotates_keys_of_their_own_only(
    admin: httpx.AsyncClient, ada: dict[str, Any], client_with: ClientWith
) -> None:
    await bind(admin, "developer", "user", ada["id"])
    foreign = await new_key(admin, role="viewer")
    mine = await new_key(admin, user=ada["id"], scopes={"actions": ["mcp.*", "keys.own"]})
    developer = client_with(mine["secret"])
    scopes = {"actions": ["mcp.*"]}
    own = await new_key(developer, scopes=scopes)
    assert own["metadata"]["user_id"] == ada["id"]
    assert own["metadata"]["team_id"] == ada["team_id"]
    assert await status(developer, f"/v1/auth/keys/{own['id']}/rotate", "POST") == 200
    assert await status(developer, f"/v1/auth/keys/{own['id']}", "DELETE") == 200
    assert await status(developer, f"/v1/auth/keys/{foreign['id']}/rotate", "POST") == 403
    assert await status(developer, f"/v1/auth/keys/{foreign['id']}", "DELETE") == 403
    await admin.post("/v1/users", json={"email": "bob@example.com"})
    body = {"name": "x", "user": "bob@example.com", "scopes": scopes}
    assert (await developer.post("/v1/auth/keys", json=body)).status_code == 403
    again = await new_key(developer, scopes=scopes, user="ada@example.com")
    assert again["metadata"]["user_id"] == ada["id"]


async def test_a_new_key_has_no_more_than_its_makers_roles(
    admin: httpx.AsyncClient, ada: dict[str, Any], client_with: ClientWith
) -> None:
    role = {"name": "desk", "permissions": [{"server": "files", "action": "tools.*"}, {"action": "keys.*"}]}
    await made(admin, "/v1/roles", "role", **role)
    maker = client_with((await new_key(admin, role="desk", scopes={"actions": ["*"]}))["secret"])
    refused = await maker.post("/v1/auth/keys", json={"name": "free", "scopes": {"actions": ["mcp.*"]}})
    assert (refused.status_code, refused.json()["reason"]) == (403, "role_not_granted")
    refused = await maker.post("/v1/auth/keys", json={"name": "strong", "role": "admin"})
    assert refused.status_code == 403
    within = {"mcp_servers": ["files"], "actions": ["tools.call"]}
    assert (await new_key(maker, scopes=within))["roles"] == []
    assert (await new_key(maker, role="desk"))["roles"] == ["desk"]
    free = await new_key(admin)
    assert await status(maker, f"/v1/auth/keys/{free['id']}/rotate", "POST") == 403


async def test_a_new_key_does_not_escape_what_its_maker_is_denied(
    admin: httpx.AsyncClient, client_with: ClientWith
) -> None:
    maker_key = await new_key(admin, scopes={"actions": ["*"]})
    rule = {"effect": "deny", "server": "files", "action": "tools.*", "named": "delete_*"}
    await made(admin, "/v1/policies", "policy", subject_kind="key", subject=maker_key["id"], **rule)
    maker = client_with(maker_key["secret"])
    refused = await maker.post("/v1/auth/keys", json={"name": "x"})
    assert refused.status_code == 403
    assert "escape" in refused.json()["message"]
    scopes = {"mcp_servers": ["mail"], "actions": ["tools.call"]}
    assert await new_key(maker, scopes=scopes)


async def test_nobody_hands_out_what_they_do_not_hold(
    admin: httpx.AsyncClient, ada: dict[str, Any], client_of: ClientMaker
) -> None:
    clerk = await client_of("org_default", "roles.*", "policies.*", "tools.list")
    permission = {"server": "*", "action": "tools.call"}
    assert await status(clerk, "/v1/roles", "POST", name="x", permissions=[permission]) == 403
    assert await status(clerk, "/v1/roles/admin/bindings", "POST", subject_kind="organization") == 403
    body = {"subject_kind": "user", "subject": ada["id"]}
    assert await status(clerk, "/v1/policies", "POST", **body, **permission) == 403
    assert await status(clerk, "/v1/policies", "POST", **body, server="files", action="tools.list") == 201
    assert await status(clerk, "/v1/policies", "POST", **body, **permission, effect="deny") == 201
    denied = (await clerk.get("/v1/policies")).json()["policies"][0]
    assert await status(clerk, f"/v1/policies/{denied['id']}", "DELETE") == 403
    assert await status(clerk, f"/v1/policies/{denied['id']}", "PATCH", effect="allow") == 403


async def test_nobody_frees_or_locks_out_themselves(
    admin: httpx.AsyncClient, client_with: ClientWith
) -> None:
    key = await new_key(admin, role="admin")
    boss = client_with(key["secret"])
    binding = (await boss.get("/v1/roles/admin/bindings")).json()["bindings"][0]
    assert await status(boss, f"/v1/roles/admin/bindings/{binding['id']}", "DELETE") == 403
    body = {"subject_kind": "organization", "effect": "deny", "action": "policies.*"}
    refused = await boss.post("/v1/policies", json=body)
    assert refused.status_code == 403
    assert "lock" in refused.json()["message"]
    assert (await boss.get("/v1/policies")).json()["policies"] == []
    free = client_with((await new_key(admin, scopes={"actions": ["*"]}))["secret"])
    assert await status(free, "/v1/roles/viewer/bindings", "POST", subject_kind="organization") == 403


async def test_gateways_learn_of_every_change(admin: httpx.AsyncClient, database: Database) -> None:
    async def revision() -> int:
        async with database.reading() as session:
            return (await access.state(session)).revision

    seen = [await revision()]

    async def counted(answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, answer.text
        seen.append(await revision())
        return answer.json() if answer.content else {}

    await counted(await admin.post("/v1/roles", json={"name": "r", "permissions": []}))
    await counted(await admin.patch("/v1/roles/r", json={"permissions": [{"server": "a", "action": "*"}]}))
    body = {"subject_kind": "organization"}
    binding = await counted(await admin.post("/v1/roles/r/bindings", json=body))
    await counted(await admin.delete(f"/v1/roles/r/bindings/{binding['binding']['id']}"))
    await counted(await admin.delete("/v1/roles/r"))
    policy = await counted(await admin.post("/v1/policies", json=body | {"server": "a", "action": "*"}))
    path = f"/v1/policies/{policy['policy']['id']}"
    await counted(await admin.patch(path, json={"named": "b"}))
    await counted(await admin.delete(path))
    assert seen == sorted(set(seen))
