"""What is worked out once and kept stands for nothing older than the rules, and for nobody else."""

import asyncio
import json

import pytest

from gatewayops.base.crypto import Sealer, secret_file
from gatewayops.policy import terms as terms_module
from gatewayops.store import snapshot as sn

ORG = "org_default"
UNLIMITED = tuple(sn.LimitRow(ORG, scope, "*", 0, 60) for scope in ("user", "team", "api_key"))


@pytest.fixture
async def waiting(gateway):
    """A call of `main` that was recognised, and whose body is yet to come; its key is known."""
    await gateway.call()
    headers, body = gateway.message("tools/call", {"name": "echo"})
    line = await gateway.connect()
    await line.send(gateway.head("POST", "/v1/mcp/tools", headers=headers, length=len(body)) + body[:5])
    flights = gateway.worker._server.server_state.tasks
    async with asyncio.timeout(5):
        while not flights:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.005)
    return line, body[5:]


def change_key(rules, **changes):
    rules.keys = [
        sn.KeyRow(**{**{name: getattr(key, name) for name in key.__struct_fields__}, **changes})
        if key.name == "main"
        else key
        for key in rules.keys
    ]


async def test_a_call_that_waited_for_its_body_brings_no_older_scopes_along(gateway, rules, waiting):
    line, rest = waiting
    change_key(rules, actions=("tools.list",))
    await gateway.apply()
    await line.send(rest)

    assert (await line.read_answer()).status == 403
    assert (await gateway.call()).status == 403


async def test_nor_is_it_let_in_with_a_key_that_was_revoked(gateway, rules, waiting):
    line, rest = waiting
    rules.keys = [key for key in rules.keys if key.name != "main"]
    rules.secrets = [secret for secret in rules.secrets if secret.key_id != "key_main"]
    await gateway.apply()
    await line.send(rest)

    assert (await line.read_answer()).status == 401


async def test_calls_are_filed_with_the_team_that_the_key_has_now(gateway, rules, waiting):
    line, rest = waiting
    change_key(rules, team_id="team_2")
    await gateway.apply()
    await line.send(rest)
    await line.read_answer()
    await gateway.call()

    assert [record.team_id for record in gateway.records()] == ["team_1", "team_2", "team_2"]


async def test_long_names_are_not_kept(gateway, rules):
    rules.governing = {"limits": UNLIMITED}
    await gateway.apply()
    for number in range(3):
        await gateway.call(f"{number}" * 1000)
        await gateway.rpc("resources/read", {"uri": f"data:{number}" + "x" * 1000})

    governance = gateway.live.governance
    kept = [gateway.live.terms._known, governance.checks._checks, governance.checks._reported]
    kept += [governance._estimates._known, governance._transforms._known]
    assert [key for known in kept for key in known if len(key[-1]) > 300] == []


async def test_who_names_ever_new_tools_wins_back_no_limit(gateway, rules, monkeypatch):
    """The terms of all are forgotten then; the buckets that they held go on counting."""
    monkeypatch.setattr(terms_module, "_REMEMBERED", 3)
    rules.governing = {"limits": (sn.LimitRow(ORG, "api_key", "key_main", 2, 3600), *UNLIMITED[:2])}
    await gateway.apply()
    governing = gateway.worker._governing

    await gateway.rpc("tools/list", {})
    governing._limits._busy.clear()  # as a sweep leaves it that finds all idle
    await gateway.call()
    for number in range(4):
        await gateway.call(f"tool_{number}", key="lister")

    assert [(await gateway.call(f"tool_{number}")).status for number in range(3)] == [429] * 3


# both doors alike


async def test_a_header_that_comes_twice_is_refused_at_both_doors(gateway, key_secret):
    twice = [("content-type", "application/json"), ("authorization", f"Bearer {key_secret('narrow')}")]
    _, body = gateway.message("ping")
    by_mcp = await gateway.ask("POST", "/v1/mcp/tools", body, headers=twice)
    by_rest = await gateway.rest("tools/list", {}, headers=twice)

    for answer in (by_mcp, by_rest):
        assert (answer.status, answer.reason) == (400, "header_mismatch")


SCHEMA = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


async def test_a_changed_argument_is_repeated_as_the_header_that_its_tool_wants(gateway, rules, server):
    change = sn.TransformRow(
        "tr_1", ORG, "tools", "echo", request=(sn.StepRow("set", "/region", value=b'"eu"'),)
    )
    rules.governing = {"limits": UNLIMITED, "transforms": (change,)}
    await gateway.apply()

    async def strict(turn):
        match turn.request.method:
            case "tools/list":
                await turn.reply({"tools": [7, {"name": "echo", "inputSchema": SCHEMA}]})
            case "tools/call" if turn.request.header("mcp-param-region") != "eu":
                await turn.fail(-32020, "the headers do not say what the body says", status=400)
            case _:
                await turn.reply({"content": []})

    server.script = strict
    answer = await gateway.rest("tools/call", {"tool": "echo", "arguments": {"region": "us"}})

    assert answer.status == 200
    assert server.last.json["params"]["arguments"] == {"region": "eu"}


async def test_a_servers_own_header_is_sent_once_whatever_a_transformation_adds(start_gateway, rules, server):
    gateway = await start_gateway(headers={"X-Team": "the server's"})
    row = sn.TransformRow("tr_1", ORG, "tools", "echo")
    sealer = Sealer(secret_file(rules.data / "secrets" / "seal.key"))
    plain = json.dumps({"X-Team": "the transformation's", "X-More": "1"}).encode()
    sealed = sealer.seal(plain, bound_to=row.bound_to())
    rules.governing = {"transforms": (sn.TransformRow("tr_1", ORG, "tools", "echo", sealed_headers=sealed),)}
    await gateway.apply()

    for asked in (gateway.call(), gateway.rest("tools/call", {"tool": "echo"})):
        assert (await asked).status == 200
        assert server.last.all("x-team") == ["the server's"]
        assert server.last.all("x-more") == ["1"]


async def test_a_stream_with_a_request_behind_it_ends_when_its_client_hangs_up(gateway, server, eventually):
    ended = []

    async def endless(turn):
        await turn.open_stream()
        await turn.hung_up()
        ended.append(True)

    server.script = endless
    line = await gateway.begin("subscriptions/listen", {})
    await line.read_head()
    headers, body = gateway.message("ping")
    await line.send(gateway.head("POST", "/v1/mcp/tools", headers=headers, length=len(body)) + body)
    await eventually(lambda: any(one.pipeline for one in gateway.worker._server.server_state.connections))
    line.hang_up()

    await eventually(lambda: ended)
    await eventually(lambda: not gateway.worker._flights._flights)
