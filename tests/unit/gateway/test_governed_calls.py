"""What governs a call, at both doors: limits, budgets, arguments, transformations, pins."""

import asyncio
import json
import time

import pytest

from gatewayops.store import snapshot as sn

ORG = "org_default"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ECHO = {"name": "echo", "inputSchema": {"type": "object"}}
NEW = {"name": "wipe_disk", "inputSchema": {"type": "object"}}
LISTED = {"tools": [ECHO, NEW], "nextCursor": "more"}


def tool(name, *, schema=None, state="approved"):
    definition = {"name": name, "inputSchema": schema or {"type": "object"}}
    return sn.ToolRow(ORG, "tools", name, json.dumps(definition).encode(), f"hash of {name}", state)


async def told(gateway, rules, **governing):
    """The worker has these rules; budgets know that nothing is spent yet. Nobody is limited by default."""
    unlimited = tuple(sn.LimitRow(ORG, scope, "*", 0, 60) for scope in ("user", "team", "api_key"))
    rules.governing = {"limits": unlimited, **governing}
    await gateway.apply()
    for account in gateway.live.governance.budgets.all:
        if not account.is_known:
            account.learn(0, time.time())


# limits


async def test_a_limit_is_429_with_what_is_documented(gateway, rules, server):
    await told(gateway, rules, limits=(sn.LimitRow(ORG, "api_key", "key_main", 2, 3600),))

    passed = [await gateway.call() for _ in range(2)]
    refused = await gateway.call()
    by_rest = await gateway.rest("tools/call", {"tool": "echo"})

    assert [answer.status for answer in passed] == [200, 200]
    assert (refused.status, by_rest.status) == (429, 429)
    assert refused.reason == "rate_exceeded"
    assert by_rest.json["error"] == "rate_limit_exceeded"
    assert (by_rest.json["limit"], by_rest.json["window"]) == (2, "1h")
    assert by_rest.json["reset_at"].endswith("Z")
    for answer in (refused, by_rest):
        assert answer.header("x-ratelimit-limit") == "2"
        assert answer.header("x-ratelimit-remaining") == "0"
        assert int(answer.header("x-ratelimit-reset")) > time.time()
        assert 1 <= int(answer.header("retry-after")) <= 3600
    assert refused.json["error"]["data"]["limit"] == 2
    assert len(server.requests) == 2


async def test_another_key_has_a_limit_of_its_own(gateway, rules):
    await told(gateway, rules, limits=(sn.LimitRow(ORG, "api_key", "*", 1, 3600),))
    await gateway.call()

    assert (await gateway.call()).status == 429
    assert (await gateway.rpc("tools/list", {}, key="lister")).status == 200


# budgets


def budget(micros, **more):
    return sn.BudgetRow("bud_1", ORG, "the team's tools", "organization", ORG, "day", micros, **more)


async def test_200_callers_at_once_overspend_a_dollar_by_nothing(gateway, rules, server):
    rules.prices = [sn.PriceRow(ORG, "", "", 10_000, 0, 0)]  # a cent
    rules.add_server("tools", server.url, caller_share_percent=100, max_in_flight=200)
    await told(gateway, rules, budgets=(budget(1_000_000),))

    answers = await asyncio.gather(*(gateway.call() for _ in range(200)))

    assert sorted(answer.status for answer in answers) == [200] * 100 + [429] * 100
    assert len(server.requests) == 100
    assert sum(record.cost_micros for record in gateway.records()) == 1_000_000
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.reason == "budget_spent"
    assert "the team's tools" in refused.json["error"]["message"]


async def test_what_fails_gives_back_what_it_set_aside(gateway, rules, server):
    rules.prices = [sn.PriceRow(ORG, "", "", 600_000, 0, 0)]
    await told(gateway, rules, budgets=(budget(1_000_000),))
    healthy = server.script

    async def failing(turn):
        await turn.answer(b"", status=500)

    server.script = failing
    assert [(await gateway.call()).status for _ in range(3)] == [502] * 3
    server.script = healthy

    assert (await gateway.call()).status == 200
    assert (await gateway.call()).status == 429


async def test_a_caller_who_hangs_up_leaves_nothing_reserved(gateway, rules, server, eventually):
    rules.prices = [sn.PriceRow(ORG, "", "", 600_000, 0, 0)]
    await told(gateway, rules, budgets=(budget(1_000_000),))
    healthy = server.script
    server.script = lambda turn: turn.hung_up()
    line = await gateway.begin("tools/call", {"name": "echo"})
    await server.received(1)
    line.hang_up()
    await gateway.recorded(1)
    server.script = healthy

    (account,) = gateway.live.governance.budgets.all
    await eventually(lambda: account.reserved_micros == 0)
    assert (await gateway.call()).status == 200


# arguments


@pytest.fixture
async def checked(gateway, rules):
    """`echo` wants a city, a text."""
    await told(gateway, rules, tools=(tool("echo", schema=SCHEMA),))
    return gateway


async def test_arguments_that_do_not_fit_the_schema_never_leave(checked, server):
    refused = await checked.call(arguments={"city": 5})
    by_rest = await checked.rest("tools/call", {"tool": "echo", "arguments": {"city": 5}})
    missing = await checked.rpc("tools/call", {"name": "echo"})

    for answer in (refused, by_rest, missing):
        assert (answer.status, answer.reason) == (400, "arguments_invalid")
    assert server.requests == []
    assert (await checked.call(arguments={"city": "Lisbon"})).status == 200


async def test_a_refusal_does_not_repeat_the_value(checked):
    refused = await checked.call(arguments={"city": ["hunter2-my-secret"]})

    assert refused.status == 400
    assert b"hunter2" not in refused.body
    assert "hunter2" not in (await checked.recorded()).error_detail


# transformations


async def test_arguments_result_and_headers_are_changed_on_both_doors(gateway, rules, server):
    change = sn.TransformRow(
        "tr_1",
        ORG,
        "tools",
        "echo",
        request=(sn.StepRow("rename", "/town", to="city"), sn.StepRow("set", "/units", value=b'"metric"')),
        response=(sn.StepRow("remove", "/internal"),),
    )

    async def answering(turn):
        shown = {"content": [{"type": "text", "text": "ok"}], "isError": False}
        await turn.reply({**shown, "internal": "10.0.0.7"})

    server.script = answering
    await told(gateway, rules, transforms=(change,))
    by_mcp = await gateway.call(arguments={"town": "Lisbon"})
    sent = server.last.json["params"]["arguments"]
    by_rest = await gateway.rest("tools/call", {"tool": "echo", "arguments": {"town": "Lisbon"}})

    assert sent == server.last.json["params"]["arguments"] == {"city": "Lisbon", "units": "metric"}
    assert b"10.0.0.7" not in by_mcp.body + by_rest.body
    assert by_mcp.json["id"] == 1


async def test_a_result_in_a_stream_is_changed_too(gateway, rules, server):
    change = sn.TransformRow("tr_1", ORG, "tools", "", response=(sn.StepRow("remove", "/internal"),))

    async def streaming(turn):
        await turn.open_stream()
        whole = json.dumps(turn.message({"content": [], "internal": "10.0.0.7"})).encode()
        event = b"id: 7\nevent: message\ndata: " + whole + b"\n\n"
        await turn.chunk(event[:60])
        await turn.chunk(event[60:])
        await turn.end_stream()

    server.script = streaming
    await told(gateway, rules, transforms=(change,))
    line = await gateway.begin("tools/call", {"name": "echo"})
    raw = b"".join([chunk async for chunk in line.chunks()]) if await line.read_head() else b""

    assert b"10.0.0.7" not in raw
    assert b"id: 7\n" in raw
    assert b'"content":[]' in raw.replace(b" ", b"")


# pins


@pytest.fixture
async def pinned(gateway, rules, server):
    """`echo` is approved, `wipe_disk` is held; the server lists both."""

    async def listing(turn):
        await turn.reply(LISTED if turn.request.method == "tools/list" else {"content": []})

    server.script = listing
    catalogue = sn.CatalogueRow(ORG, "tools", "warn")
    await told(gateway, rules, catalogues=(catalogue,), tools=(tool("echo"), tool("wipe_disk", state="held")))
    return gateway


async def test_a_held_tool_is_neither_listed_nor_called(pinned, server):
    by_mcp = await pinned.rpc("tools/list", {})
    by_rest = await pinned.rest("tools/list", {})
    before = len(server.requests)
    refused = await pinned.call("wipe_disk")

    assert by_mcp.json["result"] == by_rest.json["result"] == {"tools": [ECHO], "nextCursor": "more"}
    assert (refused.status, refused.reason) == (403, "tool_held")
    assert len(server.requests) == before
    assert (await pinned.call("echo")).status == 200


async def test_a_list_that_comes_as_a_stream_is_no_way_around(pinned, server):
    async def streaming(turn):
        await turn.open_stream()
        await turn.event(turn.message(LISTED))
        await turn.end_stream()

    server.script = streaming
    line = await pinned.begin("tools/list", {})
    await line.read_head()
    raw = b"".join([chunk async for chunk in line.chunks()])

    assert b"echo" in raw
    assert b"wipe_disk" not in raw
