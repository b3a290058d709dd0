"""Clients and servers that go away, wait too long or take too much: who is told, what is recorded."""

import asyncio
import json

import pytest

JSON = {"content-type": "application/json"}
NOTE = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}


@pytest.fixture
def hung_up(server):
    """Set once the gateway has closed its connection to the server."""
    return asyncio.Event()


def silent(hung_up, *, streams=False):
    """A script that answers nothing, or begins a stream, and waits for the other side to leave."""

    async def script(turn):
        if streams:
            await turn.open_stream()
            await turn.event(NOTE)
        await turn.hung_up()
        hung_up.set()

    return script


async def seen(event):
    async with asyncio.timeout(10):
        await event.wait()


@pytest.mark.parametrize("door", ["mcp", "rest"])
async def test_a_client_that_hangs_up_before_its_answer_ends_the_call_at_the_server(
    gateway, server, hung_up, door
):
    server.script = silent(hung_up)
    line = await gateway.connect()
    body = b'{"tool":"echo"}' if door == "rest" else gateway.message("tools/call", {"name": "echo"})[1]
    path = "/v1/mcp/tools/tools/call" if door == "rest" else "/v1/mcp/tools"
    await line.send(gateway.head("POST", path, headers=JSON, length=len(body)) + body)
    await server.received(1)
    line.hang_up()

    await seen(hung_up)
    record = await gateway.recorded()
    assert (record.status, record.reason, record.http_status) == ("error", "client_gone", 499)


@pytest.mark.parametrize("door", ["mcp", "rest"])
async def test_a_client_that_hangs_up_within_a_stream_ends_it_at_the_server(gateway, server, hung_up, door):
    server.script = silent(hung_up, streams=True)
    line = await gateway.connect()
    body = b'{"tool":"echo"}' if door == "rest" else gateway.message("tools/call", {"name": "echo"})[1]
    path = "/v1/mcp/tools/tools/call" if door == "rest" else "/v1/mcp/tools"
    await line.send(gateway.head("POST", path, headers=JSON, length=len(body)) + body)
    await server.received(1)
    if door == "mcp":
        await line.read_head()
        await line.read_chunk()
    line.hang_up()

    await seen(hung_up)
    record = await gateway.recorded()
    assert (record.status, record.reason) == ("error", "client_gone")


async def test_a_subscription_that_its_client_ends_is_no_failure(gateway, server, hung_up):
    server.script = silent(hung_up, streams=True)
    line = await gateway.begin("subscriptions/listen", {}, era="modern")
    await line.read_head()
    line.hang_up()

    await seen(hung_up)
    assert (await gateway.recorded()).status == "success"


async def test_a_client_that_hangs_up_while_sending_is_recorded(gateway, server):
    line = await gateway.connect()
    await line.send(gateway.head("POST", "/v1/mcp/tools", headers=JSON, length=1000) + b"{")
    await gateway.rpc("ping", {})
    line.hang_up()

    record = await gateway.recorded(2)
    assert record.reason == "client_gone"
    assert server.methods() == ["ping"]


@pytest.mark.parametrize("route", ["mcp", "rest"])
async def test_a_body_that_comes_too_slowly_is_408_and_recorded(start_gateway, server, route):
    gateway = await start_gateway(settings={"body_timeout_s": 0.2})
    path = "/v1/mcp/tools" + ("/tools/call" if route == "rest" else "")
    line = await gateway.connect()
    await line.send(gateway.head("POST", path, headers=JSON, length=100) + b"{")

    answer = await line.read_answer()

    assert (answer.status, answer.reason) == (408, "client_slow")
    assert gateway.record.reason == "client_slow"
    assert server.requests == []


async def test_bodies_may_come_in_many_pieces(gateway, server):
    headers, body = gateway.message("tools/call", {"name": "echo", "arguments": {"t": "x" * 100}})
    line = await gateway.connect()
    await line.send(
        gateway.head("POST", "/v1/mcp/tools", headers={**headers, "transfer-encoding": "chunked"})
    )
    for at in range(0, len(body), 7):
        piece = body[at : at + 7]
        await line.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        await asyncio.sleep(0)
    await line.send(b"0\r\n\r\n")

    assert (await line.read_answer()).status == 200
    assert server.last.json["params"]["arguments"] == {"t": "x" * 100}


@pytest.mark.parametrize("streams", [False, True], ids=["nothing", "a stream without the answer"])
async def test_a_server_that_takes_too_long_is_504_on_rest(start_gateway, server, hung_up, streams):
    gateway = await start_gateway(row={"timeout_s": 0.3})
    server.script = silent(hung_up, streams=streams)

    answer = await gateway.rest("tools/call", {"tool": "echo"})

    assert (answer.status, answer.json["error"], answer.reason) == (504, "mcp_timeout", "upstream_timeout")
    assert (gateway.record.status, gateway.record.reason) == ("timeout", "upstream_timeout")
    await seen(hung_up)


async def test_a_server_that_takes_too_long_is_a_jsonrpc_error_on_mcp(start_gateway, server, hung_up):
    gateway = await start_gateway(row={"timeout_s": 0.2})
    server.script = silent(hung_up)

    answer = await gateway.call()

    assert (answer.status, answer.json["id"], answer.json["error"]["code"]) == (504, 1, -31504)
    assert answer.reason == "upstream_timeout"
    await seen(hung_up)


async def test_a_body_that_never_ends_counts_as_too_late(start_gateway, server, hung_up):
    gateway = await start_gateway(row={"timeout_s": 0.2})

    async def half(turn):
        await turn.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
        await turn.hung_up()
        hung_up.set()

    server.script = half
    assert (await gateway.call()).reason == "upstream_timeout"
    await seen(hung_up)


async def test_only_so_many_calls_are_under_way_at_a_server(start_gateway, server):
    gateway = await start_gateway(row={"max_in_flight": 2})
    gate = asyncio.Event()

    async def waiting(turn):
        await gate.wait()
        await turn.reply()

    server.script = waiting
    lines = [await gateway.begin("tools/call", {"name": "echo"}) for _ in range(2)]
    await server.received(2)

    over = await gateway.call()
    rest = await gateway.rest("tools/call", {"tool": "echo"})
    assert (over.status, over.reason, over.header("retry-after")) == (429, "server_busy", "1")
    assert (rest.status, rest.json["error"]) == (429, "rate_limited")

    gate.set()
    assert [(await line.read_answer()).status for line in lines] == [200, 200]
    assert (await gateway.call()).status == 200
    assert len(server.requests) == 3


async def test_a_slot_is_given_back_whatever_happens_to_the_call(start_gateway, server, hung_up):
    gateway = await start_gateway(row={"max_in_flight": 1, "timeout_s": 0.2})
    server.script = silent(hung_up)
    await gateway.call()
    line = await gateway.begin("tools/call", {"name": "echo"})
    await server.received(2)
    line.hang_up()
    await gateway.recorded(2)

    async def broken(turn):
        turn.reset()

    server.script = broken
    assert (await gateway.call()).status == 502

    async def fine(turn):
        await turn.reply()

    server.script = fine
    assert (await gateway.call()).status == 200


async def test_streams_that_stay_open_take_no_slot(start_gateway, server, hung_up):
    gateway = await start_gateway(row={"max_in_flight": 1})
    server.script = silent(hung_up, streams=True)
    for _ in range(3):
        line = await gateway.begin("subscriptions/listen", {}, era="modern")
        assert (await line.read_head()).status == 200


async def test_nothing_else_is_disturbed_while_clients_and_servers_hang(start_gateway, server, hung_up):
    gateway = await start_gateway(settings={"body_timeout_s": 5.0})

    async def picky(turn):
        if turn.request.json["params"]["name"] == "hang":
            await turn.hung_up()
        else:
            await turn.reply()

    server.script = picky
    for _ in range(10):
        await gateway.begin("tools/call", {"name": "hang"})
        line = await gateway.connect()
        await line.send(gateway.head("POST", "/v1/mcp/tools", headers=JSON, length=1000) + b"{")
        await (await gateway.connect()).send(b"POST /v1/mcp/tools HT")
    await server.received(10)

    assert (await gateway.call()).status == 200


async def test_a_pipelined_second_request_waits_for_the_first(gateway, server):
    headers, body = gateway.message("tools/list", {})
    request = gateway.head("POST", "/v1/mcp/tools", headers=headers, length=len(body)) + body
    line = await gateway.connect()
    await line.send(request * 3)

    answers = [await line.read_answer() for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert len({json.loads(r.response_body)["echo"]["_meta"]["traceparent"] for r in gateway.records()}) == 3
