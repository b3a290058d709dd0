"""The REST facade in front of modern and legacy servers: found out, kept, and answered in plain JSON."""

import json

import pytest

from gatewayops.testing.fake_server import by_method

INFO = {"io.modelcontextprotocol/serverInfo": {"name": "fake", "version": "1"}}
TEXT = {"type": "text", "text": "hello"}


async def discover(turn):
    await turn.reply({"supportedVersions": ["2026-07-28"], "capabilities": {}, "_meta": INFO})


def result(value):
    async def script(turn):
        await turn.reply(value)

    return script


class LegacyServer:
    """Speaks 2025-11-25: no discover, a session id to be sent along."""

    def __init__(self, **scripts):
        self.sessions = 0
        self.known = set()
        self.scripts = {name.replace("_", "/"): script for name, script in scripts.items()}

    async def __call__(self, turn):
        method = turn.request.method
        session = turn.request.header("mcp-session-id")
        if method == "server/discover":
            await turn.fail(-32600, "Missing session ID", status=400)
        elif method == "initialize":
            self.sessions += 1
            self.known.add(f"s{self.sessions}")
            headers = [("mcp-session-id", f"s{self.sessions}")]
            await turn.reply(
                {"protocolVersion": "2025-06-18", "serverInfo": {"name": "old"}}, headers=headers
            )
        elif session not in self.known:
            await turn.answer(b"Session not found", status=404, content_type="text/plain")
        elif method in self.scripts:
            await self.scripts[method](turn)
        elif "id" in turn.request.json:
            await turn.reply({"content": [TEXT]})
        else:
            await turn.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")


async def test_a_modern_server_is_asked_in_modern_words(gateway, server):
    server.script = by_method({"server/discover": discover, "tools/call": result({"content": [TEXT]})})

    first = await gateway.rest("tools/call", {"tool": "écho", "arguments": {"a": 1}})
    await gateway.rest("tools/call", {"tool": "écho"})

    assert first.status == 200
    assert server.methods() == ["server/discover", "tools/call", "tools/call"]
    call = server.requests[1]
    assert call.header("mcp-protocol-version") == "2026-07-28"
    assert call.header("mcp-method") == "tools/call"
    assert call.header("mcp-name").startswith("=?base64?")
    meta = call.json["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert call.json["params"]["arguments"] == {"a": 1}


async def test_a_legacy_server_gets_a_handshake_and_one_session_a_key(gateway, rules, server):
    server.script = legacy = LegacyServer()
    for key in ("main", "main", "foreign"):
        rules.add_server("tools", server.url, org="org_other", id="srv_tools")
        await gateway.apply()
        assert (await gateway.rest("tools/call", {"tool": "echo"}, key=key)).status == 200

    assert legacy.sessions == 2
    assert server.methods()[:4] == [
        "server/discover", "initialize", "notifications/initialized", "tools/call"
    ]  # fmt: skip
    calls = [request for request in server.requests if request.method == "tools/call"]
    assert [call.header("mcp-session-id") for call in calls] == ["s1", "s1", "s2"]
    assert {call.header("mcp-protocol-version") for call in calls} == {"2025-06-18"}


async def test_a_session_that_the_server_forgot_is_begun_anew(gateway, server):
    server.script = legacy = LegacyServer()
    await gateway.rest("tools/call", {"tool": "echo"})
    legacy.known.clear()

    assert (await gateway.rest("tools/call", {"tool": "echo"})).status == 200
    assert legacy.sessions == 2


async def test_a_server_may_change_its_era(gateway, server):
    server.script = LegacyServer()
    await gateway.rest("tools/list", {})
    server.script = by_method({"server/discover": discover})

    answers = [await gateway.rest("tools/list", {}) for _ in range(3)]

    assert answers[-1].status == 200


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        pytest.param([TEXT], {"content": "hello", "type": "text"}, id="one text"),
        pytest.param([], {"content": []}, id="nothing"),
        pytest.param([TEXT, TEXT], {"content": [TEXT, TEXT]}, id="two texts"),
        pytest.param(
            [{**TEXT, "annotations": {}}], {"content": [{**TEXT, "annotations": {}}]}, id="annotated"
        ),
        pytest.param(
            [{"type": "image", "data": "AA=="}], {"content": [{"type": "image", "data": "AA=="}]}, id="image"
        ),
    ],
)
async def test_a_result_that_is_one_text_is_that_text(gateway, server, content, shown):
    scripts = {"server/discover": discover, "tools/call": result({"content": content, "x": 1.50})}
    server.script = by_method(scripts)

    answer = await gateway.rest("tools/call", {"tool": "echo"})

    assert answer.json["result"] == {**shown, "x": 1.5}
    metadata = answer.json["metadata"]
    assert metadata["trace_id"] == f"tr_{gateway.record.trace_id}"
    assert metadata["latency_ms"] > 0
    assert metadata["cost"] == 0
    assert (gateway.record.door, gateway.record.tool, gateway.record.status) == ("rest", "echo", "success")


async def test_a_tool_that_failed_is_200_and_says_so(gateway, server):
    failed = {"content": [TEXT], "isError": True}
    server.script = by_method({"server/discover": discover, "tools/call": result(failed)})

    answer = await gateway.rest("tools/call", {"tool": "echo"})

    assert (answer.status, answer.json["result"]["isError"]) == (200, True)
    assert (gateway.record.status, gateway.record.reason) == ("error", "tool_error")


async def test_a_jsonrpc_error_is_502_with_what_the_server_said(gateway, server):
    async def unknown(turn):
        await turn.fail(-32602, "Unknown tool: echo")

    server.script = by_method({"server/discover": discover, "tools/call": unknown})
    answer = await gateway.rest("tools/call", {"tool": "echo"})

    assert (answer.status, answer.json["error"], answer.reason) == (502, "mcp_error", "upstream_error")
    assert answer.json["upstream"] == {"code": -32602, "message": "Unknown tool: echo"}
    record = gateway.record
    assert (record.status, record.http_status, record.rpc_code) == ("error", 502, -32602)


@pytest.mark.parametrize(
    ("route", "body", "params"),
    [
        ("tools/list", {}, {}),
        ("tools/list", {"cursor": "c2"}, {"cursor": "c2"}),
        ("resources/list", {}, {}),
        ("resources/templates/list", {}, {}),
        ("resources/read", {"uri": "demo://x"}, {"uri": "demo://x"}),
        ("prompts/list", {}, {}),
        ("prompts/get", {"name": "p", "arguments": {"a": "b"}}, {"name": "p", "arguments": {"a": "b"}}),
    ],
)
async def test_every_route_reaches_its_method(gateway, server, route, body, params):
    server.script = by_method({"server/discover": discover}, otherwise=result({"own": [1.50, None]}))

    answer = await gateway.rest(route, body)

    sent = server.last.json
    del sent["params"]["_meta"]
    assert (sent["method"], sent["params"]) == (route, params)
    assert b'"own": [1.5, null]' in answer.body or b'"own":[1.5,null]' in answer.body
    assert gateway.record.method == route


async def test_an_answer_that_streams_is_gathered_and_the_servers_questions_declined(gateway, server):
    answers = []

    async def asking(turn):
        await turn.open_stream()
        await turn.event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
        await turn.event({"jsonrpc": "2.0", "id": 90, "method": "ping"})
        await turn.event({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {}})
        await server.received(6)
        await turn.event(turn.message({"content": [TEXT]}))
        await turn.end_stream()

    async def answered(turn):
        answers.append(turn.request.json)
        await turn.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

    legacy = LegacyServer(tools_call=asking)
    legacy.scripts[""] = answered
    server.script = legacy
    answer = await gateway.rest("tools/call", {"tool": "echo"})

    assert answer.json["result"]["content"] == "hello"
    assert {"jsonrpc": "2.0", "id": 90, "result": {}} in answers
    assert [reply["error"]["code"] for reply in answers if reply["id"] == "q"] == [-32601]


async def test_headers_that_a_tool_asks_for_are_mirrored(gateway, server):
    tool = {"name": "echo", "inputSchema": {"properties": {"region": {"x-mcp-header": "Region"}}}}

    async def picky(turn):
        if turn.request.header("mcp-param-region") == "eu":
            await turn.reply({"content": []})
        else:
            await turn.fail(-32020, "Mcp-Param-Region is missing", status=400)

    scripts = {"server/discover": discover, "tools/call": picky, "tools/list": result({"tools": [tool]})}
    server.script = by_method(scripts)
    for _ in range(2):
        answer = await gateway.rest("tools/call", {"tool": "echo", "arguments": {"region": "eu"}})
        assert answer.status == 200

    assert server.methods() == ["server/discover", "tools/call", "tools/list", "tools/call", "tools/call"]


async def test_large_numbers_survive(gateway, server):
    server.script = by_method({"server/discover": discover})
    raw = b'{"tool":"echo","arguments":{"n":9007199254740993,"x":0.1,"deep":[[{"a":null}]]}}'

    await gateway.rest("tools/call", raw)

    assert server.last.json["params"]["arguments"] == json.loads(raw)["arguments"]
