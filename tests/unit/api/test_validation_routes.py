"""`/v1/validation`: rules as they are saved, and the dry run."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gatewayops.store.control import pins, servers
from gatewayops.store.control.database import Database
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.pin_state import SeenTool
from gatewayops.store.control.servers import Headers, ServerSpec

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

RULES = "/v1/validation/rules"
RULE = {
    "server": "files",
    "tool": "read",
    "schema_mode": "report",
    "max_depth": 5,
    "patterns": {"sql_injection": "block"},
    "own_patterns": [{"name": "card", "pattern": "[0-9]{16}", "mode": "report"}],
}


async def test_a_rule_comes_back_as_it_was_given(admin: httpx.AsyncClient) -> None:
    made = await admin.put(RULES, json=RULE)
    assert made.status_code == 200, made.text
    rule = made.json()["rule"]
    assert rule == {**RULE, "id": rule["id"], "max_bytes": None, "max_items": None}
    assert (await admin.get(f"{RULES}/{rule['id']}")).json()["rule"] == rule
    again = await admin.put(RULES, json={"server": "files", "tool": "read"})
    assert again.json()["rule"]["id"] == rule["id"]
    listed = (await admin.get(RULES)).json()
    assert [row["patterns"] for row in listed["rules"]] == [{}]
    assert (await admin.delete(f"{RULES}/{rule['id']}")).status_code == 204
    assert (await admin.delete(f"{RULES}/{rule['id']}")).status_code == 404
    assert (await admin.get(f"{RULES}/{rule['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schema_mode": "sometimes"}, "schema_mode"),
        ({"max_depth": 0}, "max_depth"),
        ({"max_depth": 201}, "max_depth"),
        ({"max_bytes": 1 << 40}, "max_bytes"),
        ({"server": "No Name"}, "server"),
        ({"tool": "a\nb"}, "tool"),
        ({"patterns": {"everything": "block"}}, "patterns"),
        ({"patterns": {"sql_injection": "no"}}, "patterns"),
        ({"own_patterns": [{"name": "a", "pattern": "("}]}, "own_patterns.0.pattern"),
        ({"own_patterns": [{"name": "a", "pattern": "a*"}]}, "own_patterns.0.pattern"),
        ({"own_patterns": [{"name": "a", "pattern": "x" * 501}]}, "own_patterns.0.pattern"),
        ({"own_patterns": [{"name": "sql_injection", "pattern": "x"}]}, "own_patterns.0.name"),
        ({"own_patterns": [{"name": "a", "pattern": "x"}] * 2}, "own_patterns.1.name"),
        ({"own_patterns": [{"name": f"n{n}", "pattern": "x"} for n in range(51)]}, "own_patterns"),
        ({"else": 1}, "else"),
    ],
)
async def test_a_rule_that_cannot_be_kept_is_refused_with_its_field(
    admin: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    answer = await admin.put(RULES, json=change)

    assert answer.status_code == 400
    assert answer.json()["message"].startswith(field)


async def test_a_key_decides_only_about_servers_that_it_covers(client_of: ClientMaker) -> None:
    limited = await client_of(DEFAULT_ORG, "validation.*", "transforms.*", servers=("files",))
    every = await client_of(DEFAULT_ORG, "validation.*")
    reader = await client_of(DEFAULT_ORG, "validation.read")
    common = (await every.put(RULES, json={})).json()["rule"]["id"]

    assert (await limited.put(RULES, json={"server": "files"})).status_code == 200
    assert (await limited.put(RULES, json={"server": "mail"})).status_code == 403
    assert (await limited.put(RULES, json={})).status_code == 403
    assert (await limited.delete(f"{RULES}/{common}")).status_code == 403
    assert (await reader.put(RULES, json={})).status_code == 403
    assert (await reader.get(RULES)).status_code == 200


async def test_another_organisation_sees_nothing(admin: httpx.AsyncClient, client_of: ClientMaker) -> None:
    other = await client_of("org_other", "validation.*")
    rule = (await admin.put(RULES, json=RULE)).json()["rule"]["id"]

    assert (await other.get(RULES)).json()["rules"] == []
    assert (await other.get(f"{RULES}/{rule}")).status_code == 404
    assert (await other.delete(f"{RULES}/{rule}")).status_code == 404


async def test_the_starters_are_listed(admin: httpx.AsyncClient) -> None:
    sets = (await admin.get("/v1/validation/patterns")).json()["sets"]

    assert {one["name"] for one in sets} >= {"sql_injection", "prompt_injection"}
    assert all(one["patterns"] for one in sets)


async def check(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/validation/check", json={"server": "files", "tool": "read", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def read_tool(database: Database) -> None:
    """The server `files` with the tool `read`, whose schema asks for a path."""
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    seen = [SeenTool("read", json.dumps({"name": "read", "inputSchema": schema}).encode(), "hash")]
    async with database.session() as session:
        spec = ServerSpec("files", "https://files.example/mcp", 30.0, 5.0, 2, 100, False)
        await servers.add(session, org_id=DEFAULT_ORG, server_id="srv_1", spec=spec, headers=Headers())
        await pins.take(session, org_id=DEFAULT_ORG, server_id="srv_1", seen=seen, is_whole=True)


@pytest.mark.usefixtures("read_tool")
async def test_the_dry_run_says_what_the_schema_says(admin: httpx.AsyncClient) -> None:
    assert await check(admin, arguments={"path": "a"}) == {
        "allowed": True, "reason": None, "message": None, "reported": [], "unchecked": None,
    }  # fmt: skip
    refused = await check(admin, arguments={"path": 5})
    assert (refused["allowed"], refused["reason"]) == (False, "arguments_invalid")
    assert refused["message"] == "arguments.path: not of type string"
    assert "twice" in (await check(admin, arguments_json='{"path":"a","path":"b"}'))["message"]
    await admin.put(RULES, json={"schema_mode": "report"})
    assert (await check(admin, arguments={"path": 5}))["reported"] == ["schema"]


async def test_the_dry_run_works_for_servers_and_tools_to_come(admin: httpx.AsyncClient) -> None:
    await admin.put(RULES, json=RULE)

    assert (await check(admin, arguments={"q": "1 union select 2"}))["reason"] == "pattern_denied"
    assert (await check(admin, arguments={"q": "1234567812345678"}))["reported"] == ["card"]
    plain = await check(admin)
    assert plain["allowed"]
    assert plain["unchecked"].startswith("no inputSchema is known")


@pytest.mark.parametrize(
    "body",
    [
        b'{"server":"files","tool":"read","arguments":NaN}',
        b'{"server":"files","tool":"read","arguments":"\\ud800"}',
        b'{"server":"files","tool":"read","arguments":' + b"9" * 4_000 + b"}",
        b'{"server":"files","tool":"read","arguments":' + b"9" * 5_000 + b"}",
        b'{"server":"files","tool":"read","arguments":1e999}',
        b'{"server":"files","tool":"read","arguments":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"server":"files","tool":"read","arguments":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b'{"server":"files","tool":"read","arguments_json":"\\ud800"}',
        b'{"server":"files","tool":"read","arguments_json":"{"}',
        b'{"server":"files","tool":"read","arguments_json":"{}","arguments":{}}',
        b'{"server":"files","tool":"","arguments":{}}',
    ],
)
async def test_no_sample_makes_the_dry_run_fail(admin: httpx.AsyncClient, body: bytes) -> None:
    await admin.put(RULES, json=RULE)
    headers = {"Content-Type": "application/json"}

    answer = await admin.post("/v1/validation/check", content=body, headers=headers)

    assert answer.status_code in (200, 400)
