"""However a call ends: what was set aside for it is given back once, and what it cost is spent once."""

import asyncio
import contextlib
import json
import os
import time

import pytest

from gatewayops.base.errors import UpstreamError
from gatewayops.store import snapshot as sn

ORG = "org_default"
PRICE = 600_000
AMOUNT = 100 * PRICE
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
DOORS = ["mcp", "short way", "rest"]


@pytest.fixture
async def priced(start_gateway, rules):
    """Each call costs 60 cents; `echo` wants a city that is a text, and may be sent again."""
    rules.prices = [sn.PriceRow(ORG, "", "", PRICE, 0, 0)]
    gateway = await start_gateway(row={"retries": 1, "retry_base_ms": 0, "timeout_s": 1.0})
    definition = {"name": "echo", "inputSchema": SCHEMA, "annotations": {"idempotentHint": True}}
    rules.governing = {
        "limits": tuple(sn.LimitRow(ORG, scope, "*", 0, 60) for scope in ("user", "team", "api_key")),
        "budgets": (sn.BudgetRow("bud_1", ORG, "all", "organization", ORG, "day", AMOUNT),),
        "catalogues": (sn.CatalogueRow(ORG, "tools", "warn"),),
        "tools": (sn.ToolRow(ORG, "tools", "echo", json.dumps(definition).encode(), "h", "approved"),),
        "transforms": (
            sn.TransformRow("tr_1", ORG, "tools", "changed", response=(sn.StepRow("remove", "/x"),)),
            sn.TransformRow("tr_2", ORG, "tools", "unusable", sealed_headers=b"broken"),
        ),
    }
    await gateway.apply()
    account(gateway).learn(0, time.time())
    return gateway


def account(gateway):
    (found,) = gateway.live.governance.budgets.all
    return found


async def begun(gateway, door, tool="echo", arguments=None, **options):
    """A call on its way by that door; the short way needs a connection that is idle."""
    if door == "short way":
        await gateway.rpc("ping", {})
    if door == "rest":
        body = json.dumps({"tool": tool, "arguments": arguments or {}}).encode()
        line = await gateway.connect()
        await line.send(gateway.head("POST", "/v1/mcp/tools/tools/call", length=len(body), **options) + body)
        return line
    return await gateway.begin("tools/call", {"name": tool, "arguments": arguments or {}}, **options)


async def called(gateway, door, tool="echo", arguments=None, **options):
    return await (await begun(gateway, door, tool, arguments, **options)).read_answer()


def answering(raw, *, status=200, first=None):
    """A script for calls; all else is answered well. `first`: what the first call gets."""
    calls = 0

    async def script(turn):
        nonlocal calls
        if turn.request.method != "tools/call":
            await turn.reply({"supportedVersions": ["2026-07-28"]})
            return
        calls += 1
        if first is not None and calls == 1:
            await first(turn)
        elif callable(raw):
            await raw(turn)
        else:
            await turn.answer(raw, status=status)

    return script


async def settled(gateway, eventually, *, spent, calls):
    """`calls` were recorded, nothing is reserved, and `spent` is what the records say."""
    priced = [record for record in gateway.records() if record.method == "tools/call"]
    await eventually(lambda: account(gateway).reserved_micros == 0)
    found = account(gateway)
    assert len(priced) == calls
    assert sum(record.cost_micros for record in priced) == found.spent_micros == spent
    assert found.left_micros == AMOUNT - spent
    (upstream,) = gateway.live.servers.all()
    await eventually(lambda: (upstream.in_flight, upstream._held) == (0, {}))


def stream(*, is_answered, is_broken=False, rpc_id=1):
    async def script(turn):
        await turn.open_stream()
        await turn.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
        if is_answered:
            await turn.event({"jsonrpc": "2.0", "id": rpc_id, "result": {"content": []}})
        if is_broken:
            turn.close()
        else:
            await turn.end_stream()

    return script


async def reset(turn):
    turn.reset()


async def silent(turn):
    await turn.hung_up()


OK = b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
FAILED = b'{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"no"}]}}'
ERROR = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"x"}}'
BOTH = b'{"jsonrpc":"2.0","id":1,"result":{"content":[]},"error":null}'
ENDS = {
    "done": (answering(OK), PRICE),
    "a failed tool": (answering(FAILED), PRICE),
    "an error": (answering(ERROR), 0),
    "a result and no error": (answering(BOTH), PRICE),
    "500": (answering(b"", status=500), 0),
    "no MCP": (answering(b"[]"), 0),
    "reset": (answering(reset), 0),
    "silent": (answering(silent), 0),
    "sent again": (answering(OK, first=reset), PRICE),
    "a stream": (answering(stream(is_answered=True)), PRICE),
    "a stream that breaks after it": (answering(stream(is_answered=True, is_broken=True)), PRICE),
    "a stream that breaks": (answering(stream(is_answered=False, is_broken=True)), 0),
    "a stream without it": (answering(stream(is_answered=False)), 0),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("end", ENDS)
async def test_what_the_server_does(priced, server, eventually, end, door):
    server.script, spent = ENDS[end]
    await called(priced, door)
    await settled(priced, eventually, spent=spent, calls=1)


@pytest.mark.parametrize("door", ["mcp", "short way"])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_the_answer_to_another_request(priced, server, eventually, door, is_stream):
    raw = stream(is_answered=True, rpc_id=2) if is_stream else OK.replace(b":1,", b":2,")
    server.script = answering(raw)
    await called(priced, door)
    await settled(priced, eventually, spent=0, calls=1)


REFUSED = {
    "arguments": ({"arguments": {"city": 5}}, 400),
    "a transformation": ({"tool": "unusable"}, 500),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("refusal", REFUSED)
async def test_what_is_refused(priced, server, eventually, refusal, door):
    options, status = REFUSED[refusal]
    server.script = answering(OK)
    assert (await called(priced, door, **options)).status == status
    await settled(priced, eventually, spent=0, calls=1)


@pytest.mark.parametrize("door", ["mcp", "short way"])
async def test_a_session_that_is_not_the_callers(priced, server, eventually, door):
    server.script = answering(OK)
    assert (await called(priced, door, headers={"mcp-session-id": "another"})).status == 404
    await settled(priced, eventually, spent=0, calls=1)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("error", [ValueError("a bug"), UpstreamError("no JSON")], ids=["bug", "refusal"])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_result_that_cannot_be_changed(
    priced, server, eventually, monkeypatch, door, error, is_stream
):
    def failing(_):
        raise error

    transform = priced.live.governance._transforms.of(ORG, "tools", "changed")
    monkeypatch.setattr(type(transform), "response", lambda *_: failing(_))
    server.script = answering(stream(is_answered=True) if is_stream else OK)
    line = await begun(priced, door, "changed")
    with contextlib.suppress(asyncio.IncompleteReadError, ValueError):  # a stream whose head is out is cut
        await line.read_answer()
    await priced.recorded(2 if door == "short way" else 1)
    await settled(priced, eventually, spent=0, calls=1)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("script", [silent, stream(is_answered=True)], ids=["before", "after"])
async def test_a_client_that_is_gone(priced, server, eventually, door, script):
    server.script = answering(script)
    line = await begun(priced, door)
    await eventually(lambda: server.methods().count("tools/call") == 1)
    line.hang_up()
    await eventually(lambda: [one for one in priced.records() if one.method == "tools/call"])
    spent = 0 if script is silent else sum(record.cost_micros for record in priced.records())
    await settled(priced, eventually, spent=spent, calls=1)


@contextlib.contextmanager
def full_disk(gateway):
    segment = gateway.worker._spool._file
    kept, full = os.dup(segment), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, segment)
    try:
        yield
    finally:
        os.dup2(kept, segment)
        os.close(kept)
        os.close(full)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("script", [OK, stream(is_answered=True)], ids=["whole", "stream"])
async def test_a_record_that_is_not_taken(priced, server, eventually, door, script):
    server.script = answering(script)
    if door == "short way":
        await priced.rpc("ping", {})
        await priced.recorded()
    with full_disk(priced):
        await (await begun(priced, "rest" if door == "rest" else "mcp")).ended()
    await settled(priced, eventually, spent=0, calls=0)


@pytest.mark.parametrize("door", DOORS)
async def test_a_server_that_is_busy(priced, server, eventually, door):
    server.script = answering(OK)
    (upstream,) = priced.live.servers.all()
    upstream.in_flight += upstream.row.max_in_flight - (door == "short way")
    if door == "short way":
        await priced.rpc("ping", {})
        upstream.in_flight += 1
    answer = await called(priced, "rest" if door == "rest" else "mcp")
    upstream.in_flight = 0

    assert (answer.status, answer.reason) == (429, "server_busy")
    await settled(priced, eventually, spent=0, calls=1)


@pytest.mark.parametrize("door", DOORS)
async def test_a_server_that_is_left_alone(priced, server, eventually, door):
    server.script = answering(OK)
    if door == "short way":
        await priced.rpc("ping", {})
    (upstream,) = priced.live.servers.all()
    for _ in range(upstream.row.breaker_failures):
        upstream.ended(0, status=500)
    answer = await called(priced, "rest" if door == "rest" else "mcp")

    assert (answer.status, answer.reason) == (503, "circuit_open")
    await settled(priced, eventually, spent=0, calls=1)


@pytest.mark.parametrize("door", DOORS)
async def test_a_call_that_a_drain_cuts_off(start_gateway, priced, server, eventually, door):
    server.script = answering(silent)
    line = await begun(priced, door)
    await eventually(lambda: server.methods().count("tools/call") == 1)
    priced.loop.call_soon_threadsafe(priced.worker._flights.end_all)
    await line.read_answer()
    await settled(priced, eventually, spent=0, calls=1)


async def test_a_call_without_an_id_is_not_sent(priced, server, eventually):
    server.script = answering(OK)
    body = b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}'
    answer = await priced.ask("POST", "/v1/mcp/tools", body, headers={"content-type": "application/json"})

    assert (answer.status, answer.json["error"]["code"]) == (400, -32600)
    assert server.requests == []
    await settled(priced, eventually, spent=0, calls=1)
