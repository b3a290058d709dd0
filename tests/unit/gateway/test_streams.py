"""Server-sent events through the gateway: as they arrive, recorded before their answer, bounded."""

import asyncio
import json
import socket

import pytest

from gatewayops.store.snapshot import PriceRow

LISTEN = ("subscriptions/listen", {})
NOTE = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
KEEPALIVE = b": keep-alive\n\n"


@pytest.fixture
def gate():
    """Opened by the test; a script waits for it."""
    return asyncio.Event()


def stream_of(*events, gate=None, is_ended=True):
    """A script: these events, each after the first behind the gate, then the answer."""

    async def script(turn):
        await turn.open_stream()
        for event in events:
            await turn.event(event)
            if gate:
                await gate.wait()
        if is_ended:
            await turn.event(turn.message({"content": [], "size": 1}))
            await turn.end_stream()
        else:
            await turn.hung_up()

    return script


def data_of(raw):
    return [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_the_client_sees_the_first_event_before_the_server_sends_the_second(gateway, server, gate, era):
    server.script = stream_of(NOTE, gate=gate)
    line = await gateway.begin("tools/call", {"name": "echo"}, era=era)

    head = await line.read_head()
    assert (head.status, head.header("content-type")) == (200, "text/event-stream")
    assert head.header("x-accel-buffering") == "no"
    assert data_of(await line.read_chunk()) == [NOTE]
    assert gateway.records() == []

    gate.set()
    rest = b"".join([chunk async for chunk in line.chunks()])
    assert [message["id"] for message in data_of(rest)] == [1]
    assert head.header("x-trace-id") == f"tr_{gateway.record.trace_id}"


async def test_the_head_leaves_before_the_first_event(gateway, server, gate):
    async def late(turn):
        await turn.open_stream()
        await gate.wait()
        await turn.end_stream()

    server.script = late
    line = await gateway.begin(*LISTEN)
    assert (await line.read_head()).status == 200
    gate.set()


async def test_the_record_is_on_disk_when_the_answer_arrives(gateway, server, gate):
    async def script(turn):
        await turn.open_stream()
        await turn.event(NOTE)
        await turn.event(turn.message({"ok": True}))
        await gate.wait()
        await turn.event(NOTE)
        await turn.end_stream()

    server.script = script
    line = await gateway.begin("tools/call", {"name": "echo"})
    await line.read_head()
    seen = b""
    while b'"ok"' not in seen:
        seen += await line.read_chunk()

    assert gateway.record.status == "success"
    assert json.loads(gateway.record.response_body) == {"ok": True}
    gate.set()
    assert data_of(b"".join([chunk async for chunk in line.chunks()])) == [NOTE]
    assert len(gateway.records()) == 1


async def test_an_answer_cut_into_single_bytes_arrives_whole_and_is_recorded(gateway, server):
    async def dribble(turn):
        await turn.open_stream()
        event = (
            b"id: 1\r\nevent: message\r\ndata: " + json.dumps(turn.message({"n": 1})).encode() + b"\r\n\r\n"
        )
        for at in range(len(event)):
            await turn.chunk(event[at : at + 1])
            await asyncio.sleep(0)
        await turn.end_stream()

    server.script = dribble
    line = await gateway.begin("tools/call", {"name": "echo"})
    answer = await line.read_answer()

    assert data_of(answer.body)[0]["result"] == {"n": 1}
    assert gateway.record.response_body == '{"n": 1}'


@pytest.mark.parametrize(
    ("sent", "answered"), [(b'"\\u0061b"', '"ab"'), (b"1.0", "1"), (b'"a\\/b"', '"a/b"')]
)
async def test_an_id_that_the_server_spells_another_way_is_still_the_answer(
    start_gateway, rules, server, sent, answered
):
    rules.prices = [price("", "", 1000)]
    gateway = await start_gateway()

    async def script(turn):
        await turn.open_stream()
        await turn.chunk(f'data: {{"jsonrpc":"2.0","id":{answered},"result":{{}}}}\n\n'.encode())
        await turn.end_stream()

    server.script = script
    body = b'{"jsonrpc":"2.0","id":%b,"method":"tools/call","params":{"name":"echo"}}' % sent
    await gateway.ask("POST", "/v1/mcp/tools", body, headers={"content-type": "application/json"})

    assert (gateway.record.status, gateway.record.cost_micros) == ("success", 1000)


async def test_an_error_in_a_stream_is_recorded_as_one(gateway, server):
    async def script(turn):
        await turn.open_stream()
        error = {"code": -32602, "message": "no such tool"}
        await turn.event({"jsonrpc": "2.0", "id": 1, "error": error})
        await turn.end_stream()

    server.script = script
    assert (await gateway.call()).status == 200
    record = gateway.record
    assert (record.status, record.reason, record.rpc_code) == ("error", "upstream_error", -32602)
    assert record.error_detail == "no such tool"


async def test_a_silent_stream_is_kept_alive_between_events_only(start_gateway, server, gate):
    gateway = await start_gateway(settings={"keepalive_s": 0.05})
    other = asyncio.Event()

    async def script(turn):
        await turn.open_stream()
        await turn.chunk(b"data: {\n")
        await gate.wait()
        await turn.chunk(b"data: }\n\n")
        await other.wait()
        await turn.end_stream()

    server.script = script
    line = await gateway.begin(*LISTEN)
    await line.read_head()
    assert await line.read_chunk() == b"data: {\n"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(line.reader.readexactly(1), 0.3)
    gate.set()
    assert await line.read_chunk() == b"data: }\n\n"
    assert await line.read_chunk() == KEEPALIVE
    assert await line.read_chunk() == KEEPALIVE
    other.set()


async def test_a_call_whose_stream_falls_silent_is_cut_with_an_error_event(start_gateway, server):
    gateway = await start_gateway(settings={"keepalive_s": 0.05}, upstream={"stream_idle_s": 0.2})
    server.script = stream_of(NOTE, is_ended=False)

    answer = await gateway.call()

    last = data_of(answer.body)[-1]
    assert (last["id"], last["error"]["code"]) == (1, -31504)
    assert last["error"]["data"]["reason"] == "upstream_timeout"
    assert (gateway.record.status, gateway.record.reason) == ("timeout", "upstream_timeout")


async def test_a_subscription_may_stay_silent_for_ever(start_gateway, server, gate):
    gateway = await start_gateway(
        settings={"keepalive_s": 0.05}, upstream={"stream_idle_s": 0.1}, row={"timeout_s": 0.1}
    )
    server.script = stream_of(NOTE, gate=gate)
    line = await gateway.begin(*LISTEN, era="modern")
    await line.read_head()
    assert data_of(await line.read_chunk()) == [NOTE]
    for _ in range(8):
        assert await line.read_chunk() == KEEPALIVE
    gate.set()
    assert data_of(b"".join([chunk async for chunk in line.chunks()]))[0]["id"] == 1


async def test_a_slow_call_that_streams_is_not_bound_by_the_time_of_its_head(start_gateway, server):
    gateway = await start_gateway(row={"timeout_s": 0.2})

    async def slow(turn):
        await turn.open_stream()
        for _ in range(6):
            await turn.event(NOTE)
            await asyncio.sleep(0.1)
        await turn.event(turn.message())
        await turn.end_stream()

    server.script = slow
    answer = await gateway.call()

    assert len(data_of(answer.body)) == 7
    assert gateway.record.status == "success"


@pytest.mark.parametrize("how", ["reset", "close", "no last chunk"])
async def test_a_stream_that_breaks_off_before_its_answer_ends_with_an_error_event(gateway, server, how):
    async def script(turn):
        await turn.open_stream()
        await turn.event(NOTE)
        await asyncio.sleep(0.05)  # a reset may overtake what was sent before it
        if how == "reset":
            turn.reset()
        else:
            turn.close()

    server.script = script
    answer = await gateway.call(era="modern")

    first, last = data_of(answer.body)
    assert first == NOTE
    assert (last["id"], last["error"]["data"]["reason"]) == (1, "upstream_broken")
    assert (gateway.record.status, gateway.record.reason) == ("error", "upstream_broken")


async def test_a_stream_that_breaks_off_within_an_event_adds_nothing_to_it(gateway, server):
    async def script(turn):
        await turn.open_stream()
        await turn.chunk(b'data: {"half":')
        turn.close()

    server.script = script
    answer = await gateway.call(era="modern")

    assert answer.body == b'data: {"half":'
    assert gateway.record.reason == "upstream_broken"


async def test_a_modern_stream_that_ends_without_its_answer_is_a_failure(gateway, server):
    async def script(turn):
        await turn.open_stream()
        await turn.event(NOTE)
        await turn.end_stream()

    server.script = script
    await gateway.call(era="modern")
    assert (gateway.record.status, gateway.record.reason) == ("error", "upstream_broken")


async def test_a_legacy_client_may_resume_a_stream_that_ended_early(gateway, server):
    async def script(turn):
        await turn.open_stream()
        await turn.chunk(b"id: 1\nretry: 10\ndata:\n\n")
        await turn.end_stream()

    server.script = script
    await gateway.call(era="legacy")
    assert gateway.record.status == "success"


async def test_a_reader_that_stops_stops_the_server_and_loses_nothing(gateway, server):
    written = 0
    is_stopped = asyncio.Event()
    block = b"data: " + b"x" * 65_000 + b"\n\n"

    async def endless(turn):
        nonlocal written
        await turn.open_stream()
        while not is_stopped.is_set() and written < 2000:
            turn.writer.write(b"%x\r\n%b\r\n" % (len(block), block))
            written += 1
            try:
                await asyncio.wait_for(turn.writer.drain(), 0.5)
            except TimeoutError:
                is_stopped.set()
        await turn.end_stream()

    server.script = endless
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    raw.connect(("127.0.0.1", gateway.port))
    line = await gateway.connect_on(raw)
    headers, body = gateway.message(*LISTEN)
    await line.send(gateway.head("POST", "/v1/mcp/tools", headers=headers, length=len(body)) + body)
    await line.read_head()
    line.writer.transport.pause_reading()

    async with asyncio.timeout(20):
        await is_stopped.wait()
    assert written * len(block) < 32 << 20  # what the kernel buffers on four sockets, not 130 MB

    line.writer.transport.resume_reading()
    total = sum([len(chunk) async for chunk in line.chunks()])
    assert total == written * len(block)


async def test_large_events_pass_whole_and_at_a_bearable_price(gateway, server):
    async def script(turn):
        await turn.open_stream()
        await turn.event(turn.message({"content": "x" * (8 << 20)}))
        await turn.end_stream()

    server.script = script
    answer = await gateway.call()

    assert len(data_of(answer.body)[0]["result"]["content"]) == 8 << 20
    record = gateway.record
    assert record.response_bytes > 8 << 20
    assert record.is_response_cut
    assert len(record.response_body) <= 64 << 10


def price(server, tool, per_call):
    return PriceRow("org_default", server, tool, per_call, 0, 0)
