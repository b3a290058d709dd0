"""Messages that make no sense, or two kinds of sense: refused clearly, recorded, and never passed on."""

import base64
import json

import pytest

JSON = {"content-type": "application/json"}
CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo", "arguments": {}}}


async def post(gateway, body, *, headers=None, path="/v1/mcp/tools"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await gateway.ask("POST", path, raw, headers={**JSON, **(headers or {})})


@pytest.mark.parametrize(
    ("body", "code", "rpc_id", "reason"),
    [
        pytest.param(b"", -32700, None, "malformed_json", id="nothing"),
        pytest.param(b"{", -32700, None, "malformed_json", id="cut off"),
        pytest.param(b"\xff\xfe{}", -32700, None, "malformed_json", id="no UTF-8"),
        pytest.param(b'{"a":"\\ud800"}', -32700, None, "malformed_json", id="lone surrogate"),
        pytest.param(b'{"a":' + b"[" * 100_000, -32700, None, "malformed_json", id="bottomless"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping"} x', -32700, None, "malformed_json", id="more"
        ),
        pytest.param(json.dumps([CALL]).encode(), -32600, None, "invalid_request", id="batch"),
        pytest.param(b'"ping"', -32600, None, "invalid_request", id="a text"),
        pytest.param(b"null", -32600, None, "invalid_request", id="null"),
        pytest.param(b'{"id":1,"method":"ping"}', -32600, 1, "invalid_request", id="no version"),
        pytest.param(b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, 1, "invalid_request", id="1.0"),
        pytest.param(b'{"jsonrpc":"2.0","id":1}', -32600, 1, "invalid_request", id="no method"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"method":5}', -32600, 1, "invalid_request", id="method 5"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None, "invalid_request", id="null id"
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, None, "invalid_request", id="object id"
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None, "invalid_request", id="true id"
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":"a","method":"ping","params":[1]}',
            -32600,
            "a",
            "invalid_request",
            id="list",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}',
            -32600,
            1,
            "invalid_request",
            id="name 5",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":"m"}}',
            -32600,
            1,
            "invalid_request",
            id="meta text",
        ),
    ],
)
async def test_what_is_not_one_message_is_answered_and_recorded(gateway, server, body, code, rpc_id, reason):
    answer = await post(gateway, body)

    assert answer.status == 400
    assert (answer.json["error"]["code"], answer.json["id"], answer.reason) == (code, rpc_id, reason)
    assert answer.json["error"]["data"]["trace_id"] == answer.header("x-trace-id")
    assert answer.header("x-trace-id") == f"tr_{gateway.record.trace_id}"
    assert (gateway.record.reason, gateway.record.http_status, gateway.record.rpc_code) == (reason, 400, code)
    assert server.requests == []


@pytest.mark.parametrize(
    ("route", "body", "named"),
    [
        pytest.param("tools/call", b"{", "JSON", id="cut off"),
        pytest.param("tools/call", b"[]", "tools/call", id="a list"),
        pytest.param("tools/call", b"{}", "tool", id="no tool"),
        pytest.param("tools/call", b'{"tool":5}', "tool", id="tool 5"),
        pytest.param("tools/call", b'{"tool":"x","arguments":[]}', "arguments", id="arguments list"),
        pytest.param("tools/call", b'{"Tool":"x"}', "tool", id="another case"),
        pytest.param("resources/read", b'{"uri":null}', "uri", id="uri null"),
        pytest.param("prompts/get", b"", "name", id="nothing"),
        pytest.param("tools/list", b'{"cursor":1}', "cursor", id="cursor 1"),
        pytest.param("tools/call", b'{"tool":"\\ud800"}', "JSON", id="lone surrogate"),
    ],
)
async def test_a_rest_body_that_makes_no_sense_is_400_and_names_the_field(
    gateway, server, route, body, named
):
    answer = await gateway.rest(route, body)

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert named in answer.json["message"]
    assert gateway.record.http_status == 400
    assert server.requests == []


async def test_a_body_over_the_limit_is_413_at_both_doors(start_gateway, server):
    gateway = await start_gateway(settings={"max_body_bytes": 2048})
    big = {"tool": "echo", "arguments": {"text": "x" * 3000}}

    for answer in (await gateway.rest("tools/call", big), await post(gateway, {**CALL, "params": big})):
        assert (answer.status, answer.reason) == (413, "too_large")
    assert [record.reason for record in gateway.records()] == ["too_large", "too_large"]
    assert server.requests == []
    assert (await gateway.call()).status == 200


@pytest.mark.parametrize(("key", "status"), [("main", 413), ("unknown", 401)])
async def test_a_refusal_before_the_whole_body_reaches_a_client_that_is_still_sending(
    start_gateway, key, status
):
    gateway = await start_gateway(settings={"max_body_bytes": 2048})
    line = await gateway.connect()
    await line.send(gateway.head("POST", "/v1/mcp/tools", key=key, headers=JSON, length=1 << 20))
    await line.send(b"x" * 4096)
    assert (await line.read_answer()).status == status

    for _ in range(31):
        await line.send(b"x" * 32768)
    await line.send(b"x" * ((1 << 20) - 4096 - 31 * 32768))

    assert (await gateway.ask("GET", "/v1/health", line=line)).status == 200


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "HEAD", "OPTIONS"])
async def test_http_methods_that_mcp_does_not_use_are_405(gateway, server, verb):
    answer = await gateway.ask(verb, "/v1/mcp/tools")

    assert answer.status == 405
    assert answer.header("allow") == "POST, GET, DELETE"
    assert gateway.record.reason == "method_not_allowed"
    assert server.requests == []


async def test_rest_routes_take_post_only_and_unknown_ones_are_404(gateway):
    get = await gateway.ask("GET", "/v1/mcp/tools/tools/list")
    lost = await gateway.rest("tools/destroy", {})

    assert (get.status, get.json["error"]) == (405, "method_not_allowed")
    assert (lost.status, lost.json["error"]) == (404, "not_found")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_message_must_say_that_it_is_json(gateway, server, content_type):
    headers = {"content-type": content_type} if content_type else {}
    answer = await gateway.ask("POST", "/v1/mcp/tools", json.dumps(CALL).encode(), headers=headers)

    assert (answer.status, answer.reason) == (400, "invalid_request")
    assert "application/json" in answer.json["error"]["message"]
    assert server.requests == []


def modern(gateway, **headers):
    base, body = gateway.message("tools/call", {"name": "écho", "arguments": {}}, era="modern")
    base["mcp-name"] = f"=?base64?{base64.b64encode('écho'.encode()).decode()}?="
    for name, value in headers.items():
        base[name.replace("_", "-")] = value
    return {name: value for name, value in base.items() if value is not None}, body


async def test_matching_routing_headers_pass_also_in_their_coded_form(gateway, server):
    headers, body = modern(gateway)
    answer = await gateway.ask("POST", "/v1/mcp/tools", body, headers=headers)

    assert answer.status == 200
    assert server.last.header("mcp-name") == headers["mcp-name"]
    assert gateway.record.era == "modern"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"mcp_method": "tools/list"}, id="method"),
        pytest.param({"mcp_method": "Tools/Call"}, id="method in another case"),
        pytest.param({"mcp_name": "other"}, id="name"),
        pytest.param({"mcp_name": "=?base64?b3RoZXI=?="}, id="coded name"),
        pytest.param({"mcp_name": "=?base64?!!!?="}, id="broken coding"),
        pytest.param({"mcp_name": ""}, id="empty name"),
        pytest.param({"mcp_protocol_version": "2025-11-25"}, id="version"),
        pytest.param({"mcp_protocol_version": None}, id="version only in the body"),
        pytest.param({"mcp_method": None, "mcp_name": "other"}, id="name, without a method"),
    ],
)
async def test_a_header_that_contradicts_the_body_is_refused(gateway, server, wrong):
    headers, body = modern(gateway, **wrong)
    answer = await gateway.ask("POST", "/v1/mcp/tools", body, headers=headers)

    assert (answer.status, answer.json["error"]["code"]) == (400, -32020)
    assert answer.json["id"] == 1
    assert gateway.record.reason == "header_mismatch"
    assert server.requests == []


@pytest.mark.parametrize(
    "name", ["authorization", "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id", "origin"]
)
async def test_a_routing_header_that_comes_twice_is_refused(gateway, server, name):
    headers, body = gateway.message("tools/call", {"name": "echo"}, era="modern")
    pairs = [*headers.items(), (name, headers.get(name, "http://127.0.0.1"))]
    pairs += [] if name in headers or name == "authorization" else [(name, "http://127.0.0.1")]
    answer = await gateway.ask("POST", "/v1/mcp/tools", body, headers=pairs)

    assert (answer.status, answer.json["error"]["code"], answer.reason) == (400, -32020, "header_mismatch")
    assert server.requests == []


async def test_other_headers_may_come_twice(gateway):
    headers, body = gateway.message("tools/list", {})
    pairs = [*headers.items(), ("accept", "text/plain"), ("x-other", "1"), ("x-other", "2")]

    assert (await gateway.ask("POST", "/v1/mcp/tools", body, headers=pairs)).status == 200


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"tools/list","params":{}}',
            {"method": "tools/list"},
            id="method",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"a"},"params":{"cursor":"b"}}',
            {"method": "tools/list", "cursor": "b"},
            id="params",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"m\\u0065thod":"tools/list","params":{"cursor":"a","curs\\u006fr":"b"}}',
            {"method": "tools/list", "cursor": "b"},
            id="escaped",
        ),
    ],
)
async def test_of_members_that_come_twice_the_one_that_was_authorised_is_sent(gateway, server, body, sent):
    answer = await gateway.ask("POST", "/v1/mcp/tools", body, headers=JSON, key="lister")

    assert answer.status == 200
    assert server.last.body.count(b'"method"') == 1
    assert server.last.body.count(b'"params"') == 1
    assert server.last.json["method"] == sent["method"]
    assert server.last.json["params"].get("cursor") == sent.get("cursor")


async def test_a_smuggled_second_tool_name_is_not_what_runs(gateway, server):
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"delete"}}'
    assert (await post(gateway, body)).status == 200

    assert server.last.body.count(b"echo") == 0
    assert gateway.record.tool == server.last.json["params"]["name"] == "delete"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({**CALL, "Method": "tools/list"}, id="Method"),
        pytest.param({**CALL, "PARAMS": {}}, id="PARAMS"),
        pytest.param({**CALL, "ID": 1}, id="ID"),
        pytest.param({**CALL, "param\u017f": {}}, id="long s in params"),
        pytest.param({**CALL, "params": {"name": "echo", "Name": "delete"}}, id="Name"),
        pytest.param({**CALL, "params": {"name": "echo", "argument\u017f": {}}}, id="long s in arguments"),
        pytest.param({**CALL, "params": {"name": "echo", "tas\u212aId": "1"}}, id="Kelvin sign in taskId"),
        pytest.param({**CALL, "params": {"name": "echo", "_META": {}}}, id="_META"),
        pytest.param({**CALL, "params": {"name": "echo", "_meta": {"TraceParent": "x"}}}, id="TraceParent"),
        pytest.param({**CALL, "\u0131d": 2}, id="dotless i in id"),
    ],
)
async def test_a_member_that_differs_from_a_known_one_only_by_case_is_refused(gateway, server, body):
    answer = await post(gateway, json.dumps(body, ensure_ascii=False).encode())

    assert (answer.status, answer.json["error"]["code"], answer.json["id"]) == (400, -32600, 7)
    assert "only by case" in answer.json["error"]["message"]
    assert server.requests == []


@pytest.mark.parametrize(
    ("host", "origin", "reason"),
    [
        pytest.param("evil.example", None, "host_not_allowed", id="a name that the page owns"),
        pytest.param("localhost.evil.example", None, "host_not_allowed", id="a name that begins well"),
        pytest.param(" ", None, "host_not_allowed", id="no host"),
        pytest.param(None, "http://evil.example", "origin_not_allowed", id="another page"),
        pytest.param(None, "null", "origin_not_allowed", id="a page without origin"),
        pytest.param(None, "file://localhost", "origin_not_allowed", id="a file"),
    ],
)
async def test_pages_of_others_reach_neither_calls_nor_the_control_role(
    gateway, server, host, origin, reason
):
    headers, body = gateway.message("tools/list", {})
    headers |= {"origin": origin} if origin else {}
    call = await gateway.ask("POST", "/v1/mcp/tools", body, headers=headers, host=host)
    other = await gateway.ask("GET", "/v1/servers", headers=headers, host=host)

    assert (call.status, call.reason) == (403, reason)
    assert (other.status, other.reason) == (403, reason)
    assert gateway.record.reason == reason
    assert server.requests == []


async def test_names_of_loopback_and_the_public_address_pass(start_gateway):
    gateway = await start_gateway(
        settings={
            "public_url": "https://mcp.example.com",
            "allowed_hosts": ("inside.example",),
            "allowed_origins": ("https://app.example",),
        }
    )
    headers, body = gateway.message("tools/list", {})
    for host in ("localhost:1", "LOCALHOST", "[::1]:80", "mcp.example.com", "inside.example:8080"):
        answer = await gateway.ask("POST", "/v1/mcp/tools", body, headers=headers, host=host)
        assert answer.status == 200, host
    for origin in ("http://localhost:3000", "https://mcp.example.com", "https://app.example"):
        with_origin = {**headers, "origin": origin}
        assert (await gateway.ask("POST", "/v1/mcp/tools", body, headers=with_origin)).status == 200, origin
