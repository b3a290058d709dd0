"""Breakers, retries and shares of slots on the path of a call, at both doors."""

import asyncio
import json

import pytest

from gatewayops.gateway import cycle
from gatewayops.testing.fake_server import by_method, echo

SAFE, UNSAFE = "tools/list", "tools/call"
QUICK = {"retry_base_ms": 0, "retries": 2}


async def asked_by(gateway, door, method, **more):
    if door == "rest":
        return await gateway.rest(method, {"tool": "echo"} if method == UNSAFE else {}, **more)
    return await gateway.rpc(method, {"name": "echo"} if method == UNSAFE else {}, era="modern", **more)


async def unavailable(turn):
    await turn.answer(b"", status=503)


async def no_mcp(turn):
    await turn.answer(b"<h1>welcome</h1>", content_type="text/html")


async def broken(turn):
    turn.close()


def upstream_of(gateway):
    (upstream,) = gateway.live.servers.all()
    return upstream


@pytest.mark.parametrize("fault", [unavailable, no_mcp, broken])
@pytest.mark.parametrize("door", ["mcp", "rest"])
async def test_a_server_that_fails_is_left_alone(start_gateway, server, door, fault):
    gateway = await start_gateway(row={**QUICK, "breaker_failures": 3, "breaker_open_s": 60})
    server.script = by_method({UNSAFE: fault})
    for _ in range(3):
        assert (await asked_by(gateway, door, UNSAFE)).status == 502
    before = len(server.requests)

    answer = await asked_by(gateway, door, UNSAFE)

    assert (answer.status, answer.reason) == (503, "circuit_open")
    assert int(answer.header("retry-after")) in range(1, 61)
    assert len(server.requests) == before
    record = gateway.records()[-1]
    assert (record.status, record.reason, record.http_status) == ("error", "circuit_open", 503)
    assert upstream_of(gateway).in_flight == 0
    metrics = (await gateway.ask("GET", "/metrics", key=None)).body.decode()
    assert 'gatewayops_breaker_state{server="tools"} 2.0' in metrics


@pytest.mark.parametrize("door", ["mcp", "rest"])
async def test_a_server_that_is_well_again_is_found_out_by_one_probe(start_gateway, server, door):
    gateway = await start_gateway(row={**QUICK, "breaker_failures": 1, "breaker_open_s": 60})
    server.script = by_method({UNSAFE: unavailable})
    await asked_by(gateway, door, UNSAFE)
    breaker = upstream_of(gateway).breaker
    breaker._changed_ns -= 60_000_000_000  # a minute later
    gate = asyncio.Event()

    async def slow(turn):
        await gate.wait()
        await echo(turn)

    server.script = by_method({UNSAFE: slow})
    before = len(server.requests)
    probe = asyncio.create_task(asked_by(gateway, door, UNSAFE))
    await server.received(before + 1)
    beside = await asked_by(gateway, door, UNSAFE)
    gate.set()

    assert (beside.status, beside.reason) == (503, "circuit_open")
    assert (await probe).status == 200
    assert breaker.is_closed
    assert (await asked_by(gateway, door, UNSAFE)).status == 200


@pytest.mark.parametrize("answer", ["tool failed", "rpc error", "404", "429"])
async def test_what_a_server_answers_to_a_bad_question_opens_nothing(start_gateway, server, answer):
    gateway = await start_gateway(row={"breaker_failures": 1})

    async def script(turn):
        if answer == "tool failed":
            await turn.reply({"content": [{"type": "text", "text": "no"}], "isError": True})
        elif answer == "rpc error":
            await turn.fail(-32602, "no")
        else:
            await turn.answer(b"no", status=int(answer), content_type="text/plain")

    server.script = script
    for _ in range(3):
        await asked_by(gateway, "mcp", UNSAFE)

    assert upstream_of(gateway).breaker.is_closed


async def test_a_client_that_hangs_up_opens_nothing(start_gateway, server, eventually):
    gateway = await start_gateway(row={"breaker_failures": 1})

    async def silent(turn):
        await turn.hung_up()

    server.script = silent
    line = await gateway.begin(UNSAFE, {"name": "echo"})
    await server.received(1)
    line.hang_up()
    await gateway.recorded()

    assert gateway.record.reason == "client_gone"
    assert upstream_of(gateway).breaker.is_closed


async def test_retries_on_a_kept_connection_are_as_many_as_on_a_new_one(start_gateway, server):
    gateway = await start_gateway(row=QUICK)
    await asked_by(gateway, "mcp", SAFE)
    server.script = by_method({SAFE: broken})
    before = len(server.requests)

    assert (await asked_by(gateway, "mcp", SAFE)).reason == "upstream_broken"
    assert len(server.requests) - before == 3
    assert upstream_of(gateway).retries.sent == 2


async def test_a_call_that_found_nobody_is_sent_again_even_if_unsafe(start_gateway):
    gateway = await start_gateway(row={**QUICK, "url": "http://127.0.0.1:9/mcp"})

    assert (await asked_by(gateway, "mcp", UNSAFE)).reason == "upstream_unreachable"
    assert upstream_of(gateway).retries.sent == 2


async def test_an_open_breaker_ends_the_retries(start_gateway):
    row = {**QUICK, "retries": 10, "breaker_failures": 2, "url": "http://127.0.0.1:9/mcp"}
    gateway = await start_gateway(row=row)

    assert (await asked_by(gateway, "mcp", SAFE)).reason == "upstream_unreachable"
    assert upstream_of(gateway).retries.sent == 1


@pytest.mark.parametrize("door", ["mcp", "rest"])
async def test_one_key_cannot_take_all_slots(start_gateway, server, rules, door):
    gateway = await start_gateway(row={"max_in_flight": 4, "caller_share_percent": 50})
    gate = asyncio.Event()

    async def slow(turn):
        await gate.wait()
        await echo(turn)

    server.script = by_method({UNSAFE: slow})
    first = [asyncio.create_task(asked_by(gateway, door, UNSAFE)) for _ in range(2)]
    async with asyncio.timeout(10):
        while server.methods().count(UNSAFE) < 2:
            await server.received(len(server.requests) + 1)
    refused = await asked_by(gateway, door, UNSAFE)
    gate.set()

    assert (refused.status, refused.reason) == (429, "server_busy")
    assert "this key already has 2 of the 4" in json.dumps(refused.json)
    assert [answer.status for answer in await asyncio.gather(*first)] == [200, 200]
    assert upstream_of(gateway)._held == {}


async def test_a_reader_that_stops_reading_gives_its_slot_back(
    start_gateway, server, eventually, monkeypatch
):
    monkeypatch.setattr(cycle, "WRITE_STALL_S", 0.1)
    gateway = await start_gateway(row={"max_in_flight": 1})

    async def endless(turn):
        await turn.open_stream()
        closed = asyncio.create_task(turn.hung_up())
        while not closed.done():
            await turn.chunk(b"data: " + b"x" * 60_000 + b"\n\n")

    server.script = endless
    line = await gateway.begin(UNSAFE, {"name": "echo"})
    await line.read_head()  # and nothing more
    record = await gateway.recorded()

    assert record.reason == "client_gone"
    await eventually(lambda: upstream_of(gateway).in_flight == 0)
