"""Every fault of a server, at both doors, for a list (safe to repeat) and a tool call (not safe).

For each: what the client gets, how often the server was asked, what the record says, and that slot and
connection are given back. Retries wait 0 ms here; the time limit is short only where it is what is tested.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from gatewayops.testing.fake_server import FakeServer, Turn, by_method, encoded

RETRIES = 2
NO_TIME_S = 0.2
SAFE, UNSAFE = "tools/list", "tools/call"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
NEWS = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "on it"}}


async def reset_before_headers(turn: Turn) -> None:
    turn.reset()


async def reset_within_headers(turn: Turn) -> None:
    await turn.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    await asyncio.sleep(0.02)  # a reset may overtake what was sent before it
    turn.reset()


async def reset_after_headers(turn: Turn) -> None:
    await turn.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
    await asyncio.sleep(0.02)
    turn.reset()


async def slow_headers(turn: Turn) -> None:
    await turn.write(b"HTTP/1.1 200 OK\r\n")
    await turn.hung_up()


async def slow_body(turn: Turn) -> None:
    await turn.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n")
    await drip(turn, b" ")


async def drip(turn: Turn, drop: bytes) -> None:
    """Writes until the gateway closes: never silent for long, never done."""
    closed = asyncio.create_task(turn.hung_up())
    while not closed.done():
        await turn.write(drop)
        await asyncio.wait([closed], timeout=0.01)


async def half_stream(turn: Turn) -> None:
    await turn.open_stream()
    await turn.event(NEWS)
    await turn.chunk(b'event: message\ndata: {"jsonrpc":"2.0","id":')
    await asyncio.sleep(0.02)
    turn.reset()


async def stream_without_answer(turn: Turn) -> None:
    await turn.open_stream()
    await turn.event(NEWS)
    await turn.end_stream()


async def silent_stream(turn: Turn) -> None:
    await turn.open_stream()
    await turn.hung_up()


async def endless_stream(turn: Turn) -> None:
    await turn.open_stream()
    event = b"event: message\ndata: " + encoded(NEWS) + b"\n\n"
    await drip(turn, b"%x\r\n%b\r\n" % (len(event), event))


async def unavailable(turn: Turn) -> None:
    await turn.answer(b"<h1>overloaded</h1>", status=503, content_type="text/html")


async def garbage(turn: Turn) -> None:
    await turn.write(b"\x00\xff\x00\xff" * 100)
    await turn.hung_up()


async def no_mcp(turn: Turn) -> None:
    await turn.answer(b"<h1>welcome</h1>", content_type="text/html")


async def oversized(turn: Turn) -> None:
    await turn.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    await drip(turn, b"x" * 65_536)


@dataclasses.dataclass(frozen=True)
class Fault:
    """What a server does, and what must come of it."""

    script: Callable[[Turn], Awaitable[None]]
    status: int
    reason: str
    is_repeated: bool = False  # when it is safe
    is_stream: bool = False  # at the MCP door its head has gone out when it fails
    record: str = "error"
    row: dict[str, object] = dataclasses.field(default_factory=dict)
    settings: dict[str, object] = dataclasses.field(default_factory=dict)


BROKEN = "upstream_broken"
IMPATIENT = {"timeout_s": NO_TIME_S}
FAULTS = {
    "reset before headers": Fault(reset_before_headers, 502, BROKEN, is_repeated=True),
    "reset within headers": Fault(reset_within_headers, 502, BROKEN),
    "reset after headers": Fault(reset_after_headers, 502, BROKEN),
    "slow headers": Fault(slow_headers, 504, "upstream_timeout", record="timeout", row=IMPATIENT),
    "slow body": Fault(slow_body, 504, "upstream_timeout", record="timeout", row=IMPATIENT),
    "half stream": Fault(half_stream, 502, BROKEN, is_stream=True),
    "stream without answer": Fault(stream_without_answer, 502, BROKEN, is_stream=True),
    "5xx": Fault(unavailable, 502, "upstream_error"),
    "garbage": Fault(garbage, 502, BROKEN),
    "no MCP": Fault(no_mcp, 502, BROKEN),
    "oversized": Fault(oversized, 502, BROKEN),
}


@pytest.fixture
def behind(start_gateway, server):
    """A gateway before a server with that fault; a REST caller's questions before the call go well."""

    async def start(fault, **upstream):
        scripts = {SAFE: fault.script, UNSAFE: fault.script}
        server.script = by_method(scripts)
        row = {"retries": RETRIES, "retry_base_ms": 0, **fault.row}
        upstream = {"max_answer_bytes": 1 << 16, **upstream}
        return await start_gateway(row=row, upstream=upstream, settings=fault.settings)

    return start


async def asked_by(gateway, door, method):
    if door == "rest":
        return await gateway.rest(method, {"tool": "echo"} if method == UNSAFE else {})
    return await gateway.rpc(method, {"name": "echo"} if method == UNSAFE else {}, era="modern")


async def nothing_is_held(gateway, eventually):
    (upstream,) = gateway.live.servers.all()
    await eventually(lambda: upstream.in_flight == 0 and not gateway.worker._flights._flights)
    assert upstream._held == {}


@pytest.mark.parametrize("method", [SAFE, UNSAFE])
@pytest.mark.parametrize("door", ["mcp", "rest"])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault(behind, server: FakeServer, eventually, name, door, method):
    fault = FAULTS[name]
    gateway = await behind(fault)

    answer = await asked_by(gateway, door, method)

    if fault.is_stream and door == "mcp":
        assert answer.status == 200  # its head had come
        assert answer.header("content-type") == "text/event-stream"
    else:
        assert (answer.status, answer.reason) == (fault.status, fault.reason)
    repeats = RETRIES if fault.is_repeated and method == SAFE else 0
    assert server.methods().count(method) == 1 + repeats
    record = await gateway.recorded()
    assert (record.door, record.method) == (door, method)
    assert (record.status, record.reason) == (fault.record, fault.reason)
    assert record.http_status == fault.status
    assert len(gateway.records()) == 1
    await nothing_is_held(gateway, eventually)


@pytest.mark.parametrize("method", [SAFE, UNSAFE])
@pytest.mark.parametrize("door", ["mcp", "rest"])
async def test_refused(start_gateway, eventually, door, method):
    gateway = await start_gateway(row={"url": "http://127.0.0.1:9/mcp", "retry_base_ms": 0})

    answer = await asked_by(gateway, door, method)

    assert (answer.status, answer.reason) == (502, "upstream_unreachable")
    assert (gateway.record.status, gateway.record.reason) == ("error", "upstream_unreachable")
    await nothing_is_held(gateway, eventually)


@pytest.mark.parametrize("fault", [silent_stream, endless_stream])
async def test_rest_waits_for_the_end_of_a_stream_as_long_as_for_any_answer(
    behind, server, eventually, fault
):
    gateway = await behind(Fault(fault, 504, "upstream_timeout", row=IMPATIENT))

    answer = await asked_by(gateway, "rest", UNSAFE)

    assert (answer.status, answer.reason) == (504, "upstream_timeout")
    assert gateway.record.status == "timeout"
    assert server.methods().count(UNSAFE) == 1
    await nothing_is_held(gateway, eventually)


async def test_half_an_event_gets_no_other_event_glued_to_it(behind, server):
    gateway = await behind(Fault(half_stream, 502, BROKEN))

    answer = await asked_by(gateway, "mcp", UNSAFE)

    assert answer.body.endswith(b'data: {"jsonrpc":"2.0","id":')


async def test_a_stream_that_falls_silent_is_cut_and_says_why(behind, server, eventually):
    fault = Fault(silent_stream, 504, "upstream_timeout", settings={"keepalive_s": 0.05})
    gateway = await behind(fault, stream_idle_s=NO_TIME_S)

    line = await gateway.begin(UNSAFE, {"name": "echo"}, era="modern")
    await line.read_head()
    last = b"".join([chunk async for chunk in line.chunks()])

    assert b"upstream_timeout" in last
    assert (gateway.record.status, gateway.record.reason) == ("timeout", "upstream_timeout")
    await nothing_is_held(gateway, eventually)


async def test_a_stream_that_never_ends_ends_with_its_client(behind, server, eventually):
    ended = asyncio.Event()

    async def watched(turn):
        await endless_stream(turn)
        ended.set()

    gateway = await behind(Fault(watched, 499, "client_gone"))
    line = await gateway.begin(UNSAFE, {"name": "echo"}, era="modern")
    await line.read_head()
    assert encoded(NEWS) in await line.read_chunk()
    line.hang_up()

    await asyncio.wait_for(ended.wait(), 10)
    record = await gateway.recorded()
    assert (record.status, record.reason) == ("error", "client_gone")
    await nothing_is_held(gateway, eventually)


async def test_a_connection_that_failed_is_not_used_again(behind, server):
    gateway = await behind(FAULTS["reset after headers"])
    await asked_by(gateway, "mcp", UNSAFE)
    server.script = by_method({})

    assert (await asked_by(gateway, "mcp", UNSAFE)).status == 200
    assert [request.connection for request in server.requests] == [1, 2]
