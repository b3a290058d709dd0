"""Servers that answer badly or not at all, and when a request is sent again."""

import asyncio
import json

import pytest

RESULT = b'{"jsonrpc":"2.0","id":1,"result":{"n":1}}'


def raw_answer(raw, *, then="close"):
    """A script that writes these bytes and closes, resets, waits, or keeps the connection for more."""

    async def script(turn):
        if raw:
            await turn.write(raw)
            await asyncio.sleep(0.02)  # a reset may overtake what was sent before it
        if then == "close":
            turn.close()
        elif then == "reset":
            turn.reset()
        elif then == "wait":
            await turn.hung_up()

    return script


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(RESULT), RESULT), id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            b"5;ext=1\r\n%b\r\n%x\r\n%b\r\n0\r\ntrailer: 1\r\n\r\n"
            % (RESULT[:5], len(RESULT) - 5, RESULT[5:]),
            id="chunks",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + RESULT, id="until close"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + RESULT, id="HTTP/1.0"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(RESULT), RESULT),
            id="after 1xx",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(RESULT), RESULT),
            id="connection: close",
        ),
    ],
)
async def test_every_way_to_delimit_an_answer_is_read(gateway, server, raw):
    server.script = raw_answer(raw)

    answer = await gateway.call()

    assert (answer.status, answer.body) == (200, RESULT)
    assert gateway.record.status == "success"


@pytest.mark.parametrize(
    ("raw", "then"),
    [
        pytest.param(b"", "close", id="closes at once"),
        pytest.param(b"", "reset", id="resets at once"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", "close", id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n" + RESULT, "close", id="half a body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n" + RESULT, "reset", id="reset in the body"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{", "close", id="half a chunk"
        ),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", "wait", id="no HTTP"),
        pytest.param(b"\x00\xff\x00\xff" * 100, "wait", id="garbage"),
        pytest.param(
            b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "wait", id="101"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\nhello",
            "wait",
            id="two lengths",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"x-pad: aaaaaaaaaaaa\r\n" * 60_000, "wait", id="endless head"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "keep", id="no JSON"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "keep", id="nothing"),
        pytest.param(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", "keep", id="202"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", "keep", id="204"),
    ],
)
async def test_an_answer_that_is_none_is_502_at_both_doors(gateway, server, raw, then):
    server.script = raw_answer(raw, then=then)

    answer = await gateway.call()
    rest = await gateway.rest("tools/call", {"tool": "echo"})

    assert (answer.status, answer.json["id"], answer.reason) == (502, 1, "upstream_broken")
    assert (rest.status, rest.json["error"]) == (502, "mcp_error")
    first, second = gateway.records()
    assert (first.status, first.reason, first.http_status) == ("error", "upstream_broken", 502)
    assert (second.status, second.http_status) == ("error", 502)


@pytest.mark.parametrize("status", [301, 307, 401, 403, 500, 503])
async def test_what_is_between_us_and_the_server_is_502_and_not_shown(gateway, server, status):
    async def script(turn):
        moved = [("location", "http://169.254.169.254/latest"), ("www-authenticate", "Basic")]
        await turn.answer(b"<h1>internal</h1>", status=status, content_type="text/html", headers=moved)

    server.script = script
    for answer in (await gateway.call(), await gateway.rest("tools/call", {"tool": "echo"})):
        assert answer.status == 502
        assert b"internal</h1>" not in answer.body
        assert not {"location", "www-authenticate"} & {name for name, _ in answer.headers}
    assert {record.http_status for record in gateway.records()} == {502}


async def test_an_http_error_that_is_a_jsonrpc_answer_passes_as_it_is(gateway, server):
    async def script(turn):
        await turn.fail(-32601, "no such method", status=404)

    server.script = script
    answer = await gateway.rpc("vendor/strange", {})

    assert (answer.status, answer.json["error"]["code"]) == (404, -32601)
    record = gateway.record
    assert (record.status, record.reason, record.rpc_code) == ("error", "upstream_error", -32601)
    assert (record.http_status, record.error_detail) == (404, "no such method")


async def test_a_client_error_without_jsonrpc_passes_with_its_status(gateway, server):
    async def script(turn):
        await turn.answer(b"Session not found", status=404, content_type="text/plain")

    server.script = script
    answer = await gateway.rpc("tools/list", {})

    assert (answer.status, answer.body) == (404, b"Session not found")
    assert (gateway.record.status, gateway.record.reason) == ("error", "upstream_error")


async def test_a_tool_that_fails_is_an_answer_and_a_failed_call(gateway, server):
    async def script(turn):
        await turn.reply({"content": [{"type": "text", "text": "no such file"}], "isError": True})

    server.script = script
    answer = await gateway.call()

    assert answer.status == 200
    assert answer.json["result"]["isError"] is True
    assert (gateway.record.status, gateway.record.reason, gateway.record.http_status) == (
        "error", "tool_error", 200
    )  # fmt: skip


async def test_an_answer_over_the_bound_is_refused_and_its_connection_closed(start_gateway, server):
    gateway = await start_gateway(upstream={"max_answer_bytes": 1 << 16})

    async def script(turn):
        await turn.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        with_no_end = b"x" * 65_536
        while True:
            await turn.write(with_no_end)

    server.script = script
    answer = await gateway.call()

    assert (answer.status, answer.reason) == (502, "upstream_broken")
    assert "65536" in answer.json["error"]["message"]


async def test_a_server_that_is_not_there_is_502_and_said_to_be_unreachable(start_gateway):
    gateway = await start_gateway(row={"url": "http://127.0.0.1:9/mcp"})

    answer = await gateway.call()
    rest = await gateway.rest("tools/call", {"tool": "echo"})

    assert (answer.status, answer.reason) == (502, "upstream_unreachable")
    assert (rest.status, rest.json["error"], rest.reason) == (502, "mcp_error", "upstream_unreachable")


async def test_a_private_address_needs_to_be_allowed(start_gateway, server):
    gateway = await start_gateway(row={"allows_private": False})

    answer = await gateway.call()

    assert (answer.status, answer.reason) == (502, "upstream_address")
    assert server.connections == 0


def broken_until(count):
    """A script that closes without an answer until the request of that number."""

    async def script(turn):
        if turn.request.connection < count:
            turn.close()
        else:
            await turn.reply()

    return script


async def test_a_list_is_asked_for_again_when_the_connection_broke(gateway, server):
    server.script = broken_until(3)

    assert (await gateway.rpc("tools/list", {})).status == 200
    assert len(server.requests) == 3
    assert len({request.body for request in server.requests}) == 1
    assert gateway.record.status == "success"


async def test_it_is_asked_for_only_so_often(gateway, server):
    server.script = broken_until(100)

    assert (await gateway.rpc("tools/list", {})).reason == "upstream_broken"
    assert len(server.requests) == 3


async def test_a_call_is_never_sent_twice(gateway, server):
    server.script = broken_until(100)

    assert (await gateway.call()).reason == "upstream_broken"
    assert (await gateway.rest("tools/call", {"tool": "echo"})).status == 502
    calls = [request.json for request in server.requests if request.method == "tools/call"]
    assert len(calls) == len({call["params"]["_meta"]["traceparent"] for call in calls})


async def test_a_list_is_not_asked_for_again_once_an_answer_has_begun(gateway, server):
    server.script = raw_answer(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{")

    assert (await gateway.rpc("tools/list", {})).reason == "upstream_broken"
    assert len(server.requests) == 1


async def test_an_idle_connection_that_the_server_closed_is_not_used(gateway, server, eventually):
    async def once(turn):
        await turn.reply()
        turn.close()

    server.script = once
    for _ in range(3):
        assert (await gateway.call()).status == 200
        await eventually(lambda: not gateway.live.servers.all()[0].pool._idle)
    assert server.connections == 3


async def test_bytes_that_nobody_asked_for_never_become_somebody_elses_answer(gateway, server):
    poison = b'{"jsonrpc":"2.0","id":1,"result":{"stolen":true}}'

    async def generous(turn):
        if turn.request.connection == 1:
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(RESULT), RESULT)
            await turn.write(answer + b"HTTP/1.1 200 OK\r\ncontent-len")
            try:
                await asyncio.wait_for(turn.hung_up(), 0.5)
            except TimeoutError:
                await turn.write(b"gth: %d\r\n\r\n%b" % (len(poison), poison))
        else:
            await turn.reply({"own": True})

    server.script = generous
    first = await gateway.call()
    second = await gateway.call()

    assert first.body == RESULT
    assert second.json["result"] == {"own": True}


async def test_the_servers_own_words_are_not_taken_for_ours(gateway, server):
    async def script(turn):
        await turn.answer(json.dumps({"jsonrpc": "2.0", "id": 1, "error": "not an object"}).encode())

    server.script = script
    answer = await gateway.call()
    rest = await gateway.rest("tools/call", {"tool": "echo"})

    assert answer.json["error"] == "not an object"
    assert (rest.status, rest.json["error"]) == (502, "mcp_error")
    assert {record.status for record in gateway.records()} == {"error"}
