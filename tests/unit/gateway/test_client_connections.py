"""Client connections at their worst: slow and oversized heads, no HTTP at all, and reuse."""

import asyncio

import pytest

from gatewayops.gateway import role, wire


@pytest.fixture
def impatient(monkeypatch):
    """Heads and idle connections have a moment only."""
    monkeypatch.setattr(wire, "_HEAD_S", 0.2)
    monkeypatch.setattr(role, "_SWEEP_S", 0.05)


@pytest.mark.parametrize(
    "begin",
    [b"", b"POST /v1/mcp/tools HTTP/1.1\r\nhost: 127", b"\r\n"],
    ids=["nothing", "half a head", "a line"],
)
async def test_a_head_that_does_not_come_is_408_and_closed(impatient, gateway, begin):
    line = await gateway.connect()
    await line.send(begin)

    assert (await line.ended()).startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_dribbles_on_a_used_connection_is_closed_too(impatient, gateway):
    line = await gateway.connect()
    assert (await gateway.ask("GET", "/v1/health", line=line)).status == 200
    await line.send(b"GET /v1/health HTTP/1.1\r\nx-slow: ")

    assert (await line.ended()).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_that_rests_between_requests_is_left_alone(impatient, gateway):
    line = await gateway.connect()
    for _ in range(3):
        assert (await gateway.ask("GET", "/v1/health", line=line)).status == 200
        await asyncio.sleep(0.3)


async def test_an_idle_connection_is_closed_in_the_end(impatient, gateway, monkeypatch):
    line = await gateway.connect()
    assert (await gateway.ask("GET", "/v1/health", line=line)).status == 200
    monkeypatch.setattr(wire, "_KEEP_ALIVE_S", 0.1)

    assert await line.ended() == b""


async def test_a_call_under_way_is_not_idle(impatient, gateway, server, monkeypatch):
    monkeypatch.setattr(wire, "_KEEP_ALIVE_S", 0.1)
    gate = asyncio.Event()

    async def waiting(turn):
        await gate.wait()
        await turn.reply()

    server.script = waiting
    line = await gateway.begin("tools/call", {"name": "echo"})
    await asyncio.sleep(0.5)
    gate.set()

    assert (await line.read_answer()).status == 200


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(
            b"GET /v1/health HTTP/1.1\r\n" + b"x-pad: aaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 1990, id="many"
        ),
        pytest.param(b"GET /v1/health HTTP/1.1\r\nx-pad: " + b"a" * 66_000, id="one long"),
        pytest.param(b"GET /" + b"a" * 66_000, id="a long path"),
    ],
)
async def test_a_head_that_is_too_large_is_431_and_closed(gateway, head):
    line = await gateway.connect()
    await line.send(head)

    assert (await line.ended()).startswith(b"HTTP/1.1 431 ")
    assert (await gateway.ask("GET", "/v1/health")).status == 200


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"hello\r\n\r\n", id="chat"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="a version"),
        pytest.param(b"POST /v1/mcp/tools HTTP/1.1\r\nhost : localhost\r\n\r\n", id="space before the colon"),
        pytest.param(b"POST /v1/mcp/tools HTTP/1.1\r\nx: a\x00b\r\n\r\n", id="NUL in a value"),
        pytest.param(
            b"POST /v1/mcp/tools HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            id="both lengths",
        ),
        pytest.param(b"POST /v1/mcp/tools HTTP/1.1\r\ncontent-length: 5, 6\r\n\r\n", id="two lengths in one"),
        pytest.param(b"POST /v1/mcp/tools HTTP/1.1\r\ncontent-length: -5\r\n\r\n", id="a negative length"),
        pytest.param(
            "GET /v1/mcp/é HTTP/1.1\r\nhost: localhost\r\n\r\n".encode(), id="a raw letter in the path"
        ),
    ],
)
async def test_what_is_no_http_is_400_and_closed(gateway, server, raw):
    line = await gateway.connect()
    await line.send(raw)

    assert (await line.ended()).startswith(b"HTTP/1.1 400 ")
    assert server.requests == []


async def test_a_client_may_wait_to_be_asked_for_its_body(gateway):
    headers, body = gateway.message("tools/list", {})
    line = await gateway.connect()
    await line.send(
        gateway.head("POST", "/v1/mcp/tools", headers={**headers, "expect": "100-continue"}, length=len(body))
    )
    assert (await line.read_head()).status == 100
    await line.send(body)

    assert (await line.read_answer()).status == 200


async def test_who_asks_to_close_or_speaks_http_1_0_is_closed_after_the_answer(gateway):
    line = await gateway.connect()
    await line.send(gateway.head("GET", "/v1/health", headers={"connection": "close"}))
    assert (await line.read_answer()).status == 200
    assert await line.ended() == b""

    line = await gateway.connect()
    await line.send(b"GET /v1/health HTTP/1.0\r\nhost: localhost\r\n\r\n")
    assert (await line.ended()).endswith(b'{"status":"ok"}')


@pytest.mark.parametrize(
    "path",
    [
        "/v1/mcp/",
        "/v1/mcp//tools/call",
        "/v1/mcp/%2e%2e/tools",
        "/v1/mcp/%00",
        "/v1/mcp/" + "a" * 5000,
        "/v1/mcp/%ff",
    ],
)
async def test_strange_server_names_are_unknown_servers(gateway, server, path):
    headers, body = gateway.message("tools/list", {})
    answer = await gateway.ask("POST", path, body, headers=headers)

    assert answer.status == 404
    assert server.requests == []
    assert gateway.record.status == "error"
