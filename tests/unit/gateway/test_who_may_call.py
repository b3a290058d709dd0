"""Keys at the gateway's door: who is let in, who is told what, and what a refusal leaves behind."""

import asyncio

import bcrypt
import pytest

LIST = ("tools/list", {})
CALL = ("tools/call", {"name": "echo", "arguments": {}})


@pytest.fixture
def checks(monkeypatch):
    """The tokens that reached bcrypt."""
    seen = []
    real = bcrypt.checkpw

    def counted(token, hashed):
        seen.append(token)
        return real(token, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    return seen


async def test_a_known_key_calls_a_tool_and_is_on_record(gateway):
    answer = await gateway.call("echo", {"text": "hi"})

    assert answer.status == 200
    assert answer.json["result"]["echo"]["arguments"] == {"text": "hi"}
    record = gateway.record
    assert (record.org_id, record.key_id, record.user_id) == ("org_default", "key_main", "user_1")
    assert (record.team_id, record.project_id, record.env) == ("team_1", "proj_1", "dev")
    assert (record.method, record.server, record.tool) == ("tools/call", "tools", "echo")
    assert (record.status, record.reason, record.http_status) == ("success", "", 200)
    assert record.request_body == '{"text":"hi"}' or record.request_body == '{"text": "hi"}'


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param({}, "key_missing", id="no header"),
        pytest.param({"authorization": "Basic Z3dvOmd3bw=="}, "key_missing", id="another scheme"),
        pytest.param({"authorization": "Bearer "}, "key_missing", id="nothing after the scheme"),
        pytest.param({"authorization": "Bearer gwo_dev_nope" + "a" * 28}, "key_unknown", id="never made"),
        pytest.param({"authorization": "Bearer " + "x" * 5000}, "key_unknown", id="far too long"),
        pytest.param({"authorization": "Bearer gwo_dev_main"}, "key_unknown", id="only the prefix"),
        pytest.param({"authorization": "Bearer \xff\xfe_\xff_zz"}, "key_unknown", id="no ASCII"),
    ],
)
async def test_whoever_shows_no_key_of_ours_gets_401(gateway, server, headers, reason):
    answer = await gateway.rpc(*LIST, key=None, headers=headers)

    assert (answer.status, answer.reason) == (401, reason)
    assert answer.header("www-authenticate") == 'Bearer realm="gatewayops"'
    assert answer.json["error"]["code"] == -31401
    assert server.requests == []
    assert (gateway.record.status, gateway.record.reason, gateway.record.http_status) == (
        "error",
        reason,
        401,
    )


async def test_rest_refuses_in_its_own_words(gateway, server):
    answer = await gateway.rest("tools/call", {"tool": "echo"}, key=None)

    assert answer.status == 401
    assert answer.json["error"] == "unauthorized"
    assert answer.json["reason"] == "key_missing"
    assert answer.json["metadata"]["trace_id"] == f"tr_{gateway.record.trace_id}"
    assert server.requests == []


async def test_the_scheme_is_read_in_any_case(gateway, key_secret):
    answer = await gateway.rpc(*LIST, key=None, headers={"authorization": f"bearer  {key_secret('main')} "})

    assert answer.status == 200


async def test_an_expired_key_is_told_so(gateway, server):
    answer = await gateway.rpc(*LIST, key="late")

    assert (answer.status, answer.reason) == (401, "key_expired")
    assert server.requests == []
    assert gateway.record.key_id == "key_late"


async def test_a_revoked_key_is_denied_with_the_next_snapshot(gateway, rules, server):
    assert (await gateway.rpc(*LIST)).status == 200
    rules.keys = [key for key in rules.keys if key.name != "main"]
    rules.secrets = [row for row in rules.secrets if row.key_id != "key_main"]
    await gateway.apply()

    answer = await gateway.rpc(*LIST)

    assert (answer.status, answer.reason) == (401, "key_unknown")
    assert len(server.requests) == 1


async def test_changed_scopes_hold_from_the_next_snapshot_on(gateway, rules, server):
    assert (await gateway.call()).status == 200
    lister = next(key for key in rules.keys if key.name == "lister")
    main = next(key for key in rules.keys if key.name == "main")
    rules.keys.remove(main)
    rules.keys.append(type(main)("key_main", "org_default", "main", "dev", ("*",), lister.actions))
    await gateway.apply()

    assert (await gateway.call()).reason == "action_not_granted"
    assert (await gateway.rpc(*LIST)).status == 200


async def test_many_parallel_first_calls_with_a_key_cost_one_check(gateway, checks):
    answers = await asyncio.gather(*(gateway.rpc(*LIST) for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert len(checks) == 1


async def test_a_wrong_secret_is_checked_once_and_never_locks_the_owner_out(gateway, checks, key_secret):
    wrong = {"authorization": "Bearer " + key_secret("main")[:-1] + "X"}
    for _ in range(5):
        assert (await gateway.rpc(*LIST, key=None, headers=wrong)).reason == "key_unknown"
    guesses = [{"authorization": f"Bearer {key_secret('main')[:-2]}{n:02}"} for n in range(30)]
    await asyncio.gather(*(gateway.rpc(*LIST, key=None, headers=guess) for guess in guesses))

    assert (await gateway.rpc(*LIST)).status == 200
    assert len(checks) == 1 + 30 + 1
    refused = [record for record in gateway.records() if record.reason == "key_unknown"]
    assert {record.key_id for record in refused} == {"key_main"}  # filed where its owner can see it


async def test_a_key_of_another_organisation_finds_no_such_server(gateway, server):
    answer = await gateway.rpc(*LIST, key="foreign")

    assert (answer.status, answer.reason) == (404, "server_unknown")
    assert server.requests == []
    assert gateway.record.org_id == "org_other"


async def test_organisations_with_servers_of_one_name_reach_each_their_own(
    start_gateway, rules, server, control
):
    rules.add_server("tools", control.url, org="org_other", id="srv_tools_other")
    gateway = await start_gateway()

    await gateway.rpc(*LIST, key="main")
    await gateway.rpc(*LIST, key="foreign")

    assert (len(server.requests), len(control.requests)) == (1, 1)


@pytest.mark.parametrize("name", ["tools", "no-such-server"])
async def test_a_key_for_other_servers_learns_nothing_of_this_one(gateway, server, name):
    answer = await gateway.rpc(*LIST, key="narrow", server=name)

    assert (answer.status, answer.reason) == (403, "server_not_granted")
    assert server.requests == []


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_a_key_for_other_servers_opens_no_stream_and_ends_no_session(gateway, server, verb):
    answer = await gateway.ask(verb, "/v1/mcp/tools", key="narrow", headers={"accept": "text/event-stream"})

    assert (answer.status, answer.reason) == (403, "server_not_granted")
    assert server.requests == []


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_an_action_that_the_key_does_not_name_never_leaves_the_gateway(gateway, server, era):
    assert (await gateway.rpc(*LIST, key="lister", era=era)).status == 200

    answer = await gateway.rpc(*CALL, key="lister", era=era)

    assert (answer.status, answer.reason) == (403, "action_not_granted")
    assert server.methods() == ["tools/list"]


async def test_a_restricted_key_may_still_shake_hands_and_notify(gateway):
    for method in ("initialize", "ping", "server/discover", "notifications/initialized"):
        assert (await gateway.rpc(method, {}, key="lister")).status in (200, 202)


async def test_rest_denies_what_the_key_does_not_name(gateway, server):
    answer = await gateway.rest("tools/call", {"tool": "echo"}, key="lister")

    assert (answer.status, answer.json["error"], answer.reason) == (403, "forbidden", "action_not_granted")
    assert server.requests == []
    assert gateway.record.tool == "echo"


async def test_an_unknown_server_is_404_and_recorded(gateway):
    answer = await gateway.rpc(*LIST, server="nowhere")

    assert (answer.status, answer.reason) == (404, "server_unknown")
    assert (gateway.record.server, gateway.record.key_id) == ("nowhere", "key_main")


async def test_a_rotated_key_works_with_both_secrets_until_the_old_one_ends(gateway, rules, key_secret):
    narrow = next(row for row in rules.secrets if row.key_id == "key_narrow")
    rules.secrets.append(type(narrow)(narrow.prefix, narrow.hash, "key_main", valid_until=9e12))
    rules.secrets.remove(narrow)
    await gateway.apply()

    assert (await gateway.rpc(*LIST, key="narrow")).status == 200
    assert (await gateway.rpc(*LIST, key="main")).status == 200

    rules.secrets[-1] = type(narrow)(narrow.prefix, narrow.hash, "key_main", valid_until=1.0)
    await gateway.apply()
    assert (await gateway.rpc(*LIST, key="narrow")).reason == "key_expired"
    assert (await gateway.rpc(*LIST, key="main")).status == 200


async def test_a_gateway_without_rules_says_that_it_is_not_ready(start_gateway):
    gateway = await start_gateway(is_ready=False)

    answer = await gateway.rpc(*LIST)

    assert (answer.status, answer.reason) == (503, "not_ready")
    assert answer.header("retry-after") == "1"
