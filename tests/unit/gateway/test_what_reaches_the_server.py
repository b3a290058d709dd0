"""What the MCP server sees of a call: the message, its own headers, our span; nothing of the caller's."""

import json
import re

import pytest

from gatewayops.store.snapshot import PriceRow

TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-00"


async def test_what_the_caller_shows_us_never_reaches_the_server(gateway, server):
    private = {
        "cookie": "session=secret",
        "proxy-authorization": "Basic c2VjcmV0",
        "x-api-key": "secret",
        "x-forwarded-for": "10.0.0.1",
        "forwarded": "for=10.0.0.1",
        "origin": "http://localhost",
        "referer": "http://localhost/secret",
        "x-request-id": "req-1",
    }
    await gateway.call(headers=private)

    assert server.last.header("authorization") is None
    assert not {name.lower() for name, _ in server.last.headers} & private.keys()
    assert "secret" not in str(server.last.headers)
    assert gateway.record.request_id == "req-1"


async def test_what_belongs_to_mcp_passes(gateway, server):
    passing = {
        "user-agent": "agent/7.1 (test)",
        "tracestate": "vendor=1",
        "baggage": "a=b",
        "last-event-id": "42",
        "mcp-param-region": "eu",
    }
    await gateway.call(headers=passing, era="modern")

    assert {name: server.last.header(name) for name in passing} == passing
    assert server.last.header("accept") == "application/json, text/event-stream"
    assert server.last.header("mcp-method") == "tools/call"
    assert server.last.header("content-type") == "application/json"
    assert server.last.header("accept-encoding") == "identity"
    assert server.last.header("host") == f"127.0.0.1:{server.port}"


async def test_the_headers_set_for_a_server_are_sent_and_win(start_gateway, server):
    gateway = await start_gateway(headers={"Authorization": "Bearer of-the-server", "User-Agent": "ours"})

    await gateway.call(headers={"user-agent": "theirs"})

    assert server.last.all("authorization") == ["Bearer of-the-server"]
    assert server.last.all("user-agent") == ["ours"]
    assert "of-the-server" not in repr(gateway.record)


async def test_path_and_query_of_the_servers_url_are_kept(start_gateway, server):
    gateway = await start_gateway(row={"url": f"http://127.0.0.1:{server.port}/deep/mcp?tenant=7"})

    await gateway.call()

    assert server.last.target == "/deep/mcp?tenant=7"


async def test_unknown_members_pass_untouched(gateway, server):
    body = (
        b'{"jsonrpc":"2.0","id":"a\\u00e9","method":"tools/call","vendor":{"deep":[1,2.50,1e3]},'
        b'"params":{"name":"echo","arguments":{"n":123456789012345678901234567890,"x":1.0},"x-vendor":null,'
        b'"_meta":{"progressToken":7,"com.example/x":[true]}}}'
    )
    answer = await gateway.ask("POST", "/v1/mcp/tools", body, headers={"content-type": "application/json"})

    sent = server.last.body
    for part in (
        b'"vendor":{"deep":[1,2.50,1e3]}',
        b'{"n":123456789012345678901234567890,"x":1.0}',
        b'"x-vendor":null',
        b'"progressToken":7',
        b'"com.example/x":[true]',
        b'"id":"a\\u00e9"',
    ):
        assert part in sent
    assert answer.json["id"] == "aé"


async def test_the_servers_parent_is_our_span(gateway, server):
    await gateway.call()

    trace_id, span_id = TRACEPARENT.fullmatch(server.last.header("traceparent")).groups()
    assert server.last.json["params"]["_meta"]["traceparent"] == server.last.header("traceparent")
    assert (trace_id, span_id) == (gateway.record.trace_id, gateway.record.span_id)
    assert gateway.record.parent_span_id == ""


@pytest.mark.parametrize(
    ("headers", "meta", "trace_id", "parent"),
    [
        pytest.param({"traceparent": PARENT}, {}, PARENT[3:35], PARENT[36:52], id="header"),
        pytest.param({}, {"traceparent": PARENT}, PARENT[3:35], PARENT[36:52], id="meta"),
        pytest.param(
            {"traceparent": OTHER, "x-trace-id": "9" * 32},
            {"traceparent": PARENT},
            PARENT[3:35],
            PARENT[36:52],
            id="meta goes first",
        ),
        pytest.param({"traceparent": OTHER, "x-trace-id": "9" * 32}, {}, "9" * 32, "", id="then X-Trace-ID"),
        pytest.param(
            {"traceparent": PARENT},
            {"traceparent": "garbage"},
            PARENT[3:35],
            PARENT[36:52],
            id="what does not parse counts as absent",
        ),
        pytest.param({"traceparent": PARENT}, {"traceparent": 5}, PARENT[3:35], PARENT[36:52], id="no text"),
    ],
)
async def test_a_call_hangs_where_the_callers_trace_says(gateway, server, headers, meta, trace_id, parent):
    answer = await gateway.rpc("tools/call", {"name": "echo", "_meta": meta}, headers=headers)

    record = gateway.record
    assert (record.trace_id, record.parent_span_id) == (trace_id, parent)
    sent = server.last.json["params"]["_meta"]["traceparent"]
    assert sent == server.last.header("traceparent") == f"00-{trace_id}-{record.span_id}-01"
    assert answer.header("x-trace-id") == f"tr_{trace_id}"


async def test_rest_calls_hang_in_the_callers_trace_too(gateway, server):
    answer = await gateway.rest("tools/call", {"tool": "echo"}, headers={"x-trace-id": "tr_" + "ab" * 16})

    assert answer.json["metadata"]["trace_id"] == "tr_" + "ab" * 16
    assert gateway.record.trace_id == "ab" * 16
    sent = server.last.json["params"]["_meta"]["traceparent"]
    assert sent == server.last.header("traceparent") == f"00-{'ab' * 16}-{gateway.record.span_id}-01"


async def test_a_notification_keeps_its_parameters_as_they_are(gateway, server):
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1, "reason": "x"}}
    answer = await gateway.ask(
        "POST", "/v1/mcp/tools", json.dumps(note).encode(), headers={"content-type": "application/json"}
    )

    assert answer.status == 202
    assert server.last.json == note
    assert TRACEPARENT.fullmatch(server.last.header("traceparent"))


async def test_a_clients_own_answer_to_the_server_passes(gateway, server):
    reply = {"jsonrpc": "2.0", "id": 3, "result": {"action": "accept", "content": {"password": "hunter2!"}}}
    answer = await gateway.ask(
        "POST", "/v1/mcp/tools", json.dumps(reply).encode(), headers={"content-type": "application/json"}
    )

    assert answer.status == 202
    assert server.last.json == reply
    assert "hunter2" not in repr(gateway.record)


async def test_an_answer_comes_back_as_the_server_wrote_it(gateway, server):
    body = b'{ "jsonrpc":"2.0", "id":1, "result": {"content":[], "x-vendor" : 1.50} }'

    async def spaced(turn):
        secret = [("set-cookie", "a=b"), ("server", "scripted"), ("x-internal", "1"), ("retry-after", "3")]
        await turn.answer(body, headers=secret)

    server.script = spaced
    answer = await gateway.call()

    assert answer.body == body
    assert answer.header("content-type") == "application/json"
    assert answer.header("retry-after") == "3"
    assert not {"set-cookie", "server", "x-internal"} & {name for name, _ in answer.headers}


async def test_the_record_names_the_agent(gateway):
    await gateway.call(era="modern")
    await gateway.rpc("initialize", {"clientInfo": {"name": "legacy-client", "version": "1"}})
    await gateway.call(headers={"user-agent": "curl/8.1"})

    assert [record.agent for record in gateway.records()] == ["unit-client", "legacy-client", "curl"]
    assert [record.era for record in gateway.records()] == ["modern", "legacy", "legacy"]
    assert gateway.records()[0].protocol_version == "2026-07-28"


async def test_calls_on_one_line_share_one_connection_to_the_server(gateway, server):
    line = await gateway.connect()
    headers, body = gateway.message("tools/list", {})
    for _ in range(3):
        assert (await gateway.ask("POST", "/v1/mcp/tools", body, headers=headers, line=line)).status == 200

    assert server.connections == 1


async def test_what_a_call_costs_is_on_record(start_gateway, rules):
    rules.prices = [price("", "", 1000), price("tools", "echo", 250, 4_000_000)]
    gateway = await start_gateway()

    await gateway.call("echo", {"t": "x" * 92})
    await gateway.call("other")
    await gateway.rpc("tools/list", {})
    rest = await gateway.rest("tools/call", {"tool": "other"})

    exact, default, listed, _ = gateway.records()
    assert exact.input_tokens == -(-len(exact.request_body) // 4)
    assert exact.cost_micros == 250 + 4 * exact.input_tokens
    assert (default.cost_micros, listed.cost_micros, listed.input_tokens) == (1000, 0, 0)
    assert rest.json["metadata"]["cost"] == 0.001


def price(server, tool, per_call, per_mtok=0):
    return PriceRow("org_default", server, tool, per_call, per_mtok, 0)
