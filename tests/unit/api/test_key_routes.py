"""API keys over REST: the secret once, scopes that cannot grow, rotation, revocation."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gatewayops.store.control.database import Database

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]
ClientWith = Callable[[str], httpx.AsyncClient]


async def new_key(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/auth/keys", json={"name": "agent", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()["key"]


async def test_a_secret_is_shown_once_and_kept_nowhere(admin: httpx.AsyncClient, database: Database) -> None:
    answer = await admin.post("/v1/auth/keys", json={"name": "agent"})
    key = answer.json()["key"]
    assert re.fullmatch(r"gwo_prod_[0-9A-Za-z]{32}", key["secret"])
    assert key["prefix"] == key["secret"][:13]
    assert answer.json()["warning"] == "Store this secret securely. It will not be shown again."
    assert key["created_at"].endswith("Z")
    shown = await admin.get(f"/v1/auth/keys/{key['id']}")
    listed = await admin.get("/v1/auth/keys")
    assert key["secret"] not in shown.text + listed.text
    assert "secret" not in shown.json()["key"]
    async with database.reading() as session:
        await session.execute(text("PRAGMA wal_checkpoint(FULL)"))
    folder = database.engine.url.database
    assert folder is not None
    with open(folder, "rb") as file:  # noqa: ASYNC230 - a small file of the test's own
        assert key["secret"][13:].encode() not in file.read()


async def test_a_key_made_without_scopes_calls_and_reads_but_administers_nothing(
    admin: httpx.AsyncClient, client_with: ClientWith
) -> None:
    key = await new_key(admin)
    assert key["scopes"] == {"mcp_servers": ["*"], "actions": ["mcp.*", "traces.read", "costs.read"]}
    client = client_with(key["secret"])
    for path in ("/v1/auth/keys", "/v1/servers", "/v1/prices", "/v1/teams", "/v1/organization"):
        answer = await client.get(path)
        assert answer.status_code == 403
        assert answer.json()["reason"] == "action_not_granted"


async def test_a_key_acts_for_whom_it_names(admin: httpx.AsyncClient) -> None:
    team = (await admin.post("/v1/teams", json={"name": "platform"})).json()["team"]
    user = (await admin.post("/v1/users", json={"email": "ada@example.com", "team": "platform"})).json()[
        "user"
    ]
    project = (await admin.post("/v1/projects", json={"name": "code-review"})).json()["project"]
    key = await new_key(admin, user="ADA@example.com", metadata={"project": "code-review", "stage": "canary"})
    assert key["metadata"] == {
        "user_id": user["id"],
        "team_id": team["id"],
        "project_id": project["id"],
        "created_by": "local",
        "stage": "canary",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({}, "name", id="no name"),
        pytest.param({"name": ""}, "name", id="an empty name"),
        pytest.param({"name": "a\nb"}, "name", id="a name of two lines"),
        pytest.param({"name": "a", "env": "Prod!"}, "env", id="a wrong environment"),
        pytest.param({"name": "a", "team": "nobody"}, "team", id="an unknown team"),
        pytest.param({"name": "a", "user": "nobody@x.y"}, "user", id="an unknown user"),
        pytest.param({"name": "a", "metadata": {"project": "none"}}, "project", id="an unknown project"),
        pytest.param(
            {"name": "a", "metadata": {"created_by": "me"}}, "metadata.created_by", id="a forged maker"
        ),
        pytest.param({"name": "a", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", id="expired"),
        pytest.param(
            {"name": "a", "expires_at": "2999-01-01T00:00:00"}, "expires_at", id="a time without a zone"
        ),
        pytest.param(
            {"name": "a", "expires_at": "9999-12-31T23:59:59-23:59"},
            "expires_at",
            id="a time after all in UTC",
        ),
        pytest.param({"name": "a", "scopes": {"actions": []}}, "scopes.actions", id="no action"),
        pytest.param(
            {"name": "a", "scopes": {"actions": ["keys.wriet"]}}, "scopes.actions", id="an unknown action"
        ),
        pytest.param({"name": "a", "scopes": {"servers": ["*"]}}, "scopes.servers", id="an unknown scope"),
        pytest.param({"name": "a", "is_admin": True}, "is_admin", id="an unknown field"),
    ],
)
async def test_a_wrong_body_names_its_field(
    admin: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await admin.post("/v1/auth/keys", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert answer.json()["message"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    "scopes",
    [
        {"actions": ["*"]},
        {"actions": ["keys.*"]},
        {"actions": ["servers.write"]},
        {"actions": ["keys.read"], "mcp_servers": ["*"]},
        {},
    ],
)
async def test_nobody_grants_what_they_do_not_hold(
    client_of: ClientMaker, scopes: dict[str, list[str]]
) -> None:
    client = await client_of("org_default", "keys.read", "keys.write", servers=("github",))
    body = {"name": "more", "scopes": {"mcp_servers": ["github"], **scopes} if scopes else {}}
    answer = await client.post("/v1/auth/keys", json=body)
    assert answer.status_code == 403
    assert answer.json()["error"] == "forbidden"


async def test_nobody_learns_the_secret_of_a_stronger_key(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    strong = await new_key(admin, scopes={"actions": ["*"]})
    client = await client_of("org_default", "keys.read", "keys.write")
    answer = await client.post(f"/v1/auth/keys/{strong['id']}/rotate")
    assert answer.status_code == 403


async def test_after_a_rotation_both_secrets_work(admin: httpx.AsyncClient, client_with: ClientWith) -> None:
    key = await new_key(admin, scopes={"actions": ["keys.read"]})
    answer = (await admin.post(f"/v1/auth/keys/{key['id']}/rotate")).json()
    assert answer["key"]["id"] == key["id"]
    assert answer["key"]["secret"] != key["secret"]
    assert answer["previous_valid_until"].endswith("Z")
    for secret in (key["secret"], answer["key"]["secret"]):
        assert (await client_with(secret).get("/v1/auth/keys")).status_code == 200


async def test_a_revoked_key_is_denied_at_once(admin: httpx.AsyncClient, client_with: ClientWith) -> None:
    key = await new_key(admin, scopes={"actions": ["keys.read"]})
    client = client_with(key["secret"])
    assert (await client.get("/v1/auth/keys")).status_code == 200
    revoked = await admin.delete(f"/v1/auth/keys/{key['id']}")
    assert revoked.json()["key"]["revoked_at"].endswith("Z")
    denied = await client.get("/v1/auth/keys")
    assert denied.status_code == 401
    assert denied.headers["www-authenticate"] == "Bearer"
    assert (await admin.get("/v1/auth/keys")).json()["keys"] == []
    everything = await admin.get("/v1/auth/keys?include_revoked=true")
    assert [row["id"] for row in everything.json()["keys"]] == [key["id"]]


@pytest.mark.parametrize(
    "bearer",
    ["", "x", "gwo_prod_" + "a" * 32, "gwo_prod_' OR 1=1 --", "gwö_prod", "only the person at the machine"],
)
async def test_what_is_no_key_is_unauthorized(client_with: ClientWith, bearer: str) -> None:
    client = client_with("x")
    answer = await client.get("/v1/auth/keys", headers={"Authorization": f"Bearer {bearer}".encode()})
    assert answer.status_code == 401
    assert set(answer.json()) == {"error", "reason", "message"}


async def test_guessing_one_prefix_ends_without_shutting_out_its_owner(
    admin: httpx.AsyncClient, client_with: ClientWith
) -> None:
    key = await new_key(admin, scopes={"actions": ["keys.read"]})
    owner = client_with(key["secret"])
    assert (await owner.get("/v1/auth/keys")).status_code == 200
    guesser = client_with(key["prefix"] + "0" * 28)
    answers = [await guesser.get("/v1/auth/keys") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert answers[-1].json()["reason"] == "key_checks_busy"
    assert (await owner.get("/v1/auth/keys")).status_code == 200


async def test_another_organisation_sees_and_changes_nothing(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    key = await new_key(admin)
    other = await client_of("org_other", "*")
    path = f"/v1/auth/keys/{key['id']}"
    assert (await other.get(path)).status_code == 404
    assert (await other.delete(path)).status_code == 404
    assert (await other.post(f"{path}/rotate")).status_code == 404
    assert key["id"] not in (await other.get("/v1/auth/keys")).text


async def test_pages_end(admin: httpx.AsyncClient) -> None:
    made = [(await new_key(admin, name=f"k{number}"))["id"] for number in range(3)]
    first = (await admin.get("/v1/auth/keys?limit=2")).json()
    rest = (await admin.get("/v1/auth/keys", params={"limit": 2, "cursor": first["cursor"]})).json()
    assert (first["has_more"], rest["has_more"], rest["cursor"]) == (True, False, None)
    assert [key["id"] for key in first["keys"] + rest["keys"]] == made[::-1]
    assert (await admin.get("/v1/auth/keys?cursor=nonsense")).status_code == 400


async def test_a_key_is_shown_while_the_telemetry_store_is_down(admin: httpx.AsyncClient) -> None:
    key = await new_key(admin)
    answer = await admin.get(f"/v1/auth/keys/{key['id']}")
    assert answer.status_code == 200
    assert answer.json()["key"]["usage"] is None
