"""Sessions that our own client keeps with legacy servers: one a caller, begun once, begun anew when lost."""

import asyncio

import pytest

from gatewayops.base.errors import GatewayOpsError, Reason, UpstreamError
from gatewayops.store.snapshot import ServerRow
from gatewayops.testing.fake_server import FakeServer, by_method
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.mcp_client import McpClient
from gatewayops.upstream.registry import Upstream
from gatewayops.upstream.settings import UpstreamSettings


class Legacy:
    """A legacy server: gives out sessions, and answers with whatever `answer` says to a known one."""

    def __init__(self):
        self.given = 0
        self.known = set()
        self.forgets_with = (404, -32001, "Session not found")
        self.gate = asyncio.Event()
        self.gate.set()

    async def refuse_modern(self, turn):
        await turn.answer(b"", status=404)

    async def initialize(self, turn):
        await self.gate.wait()
        self.given += 1
        self.known.add(f"s{self.given}")
        await turn.reply({"protocolVersion": "2025-06-18"}, headers=[("mcp-session-id", f"s{self.given}")])

    async def call(self, turn):
        if turn.request.header("mcp-session-id") in self.known:
            await turn.reply({"ok": True})
            return
        status, code, message = self.forgets_with
        if code:
            await turn.fail(code, message, status=status)
        else:
            await turn.answer(message.encode(), status=status, content_type="text/plain")

    def script(self):
        return by_method(
            {"server/discover": self.refuse_modern, "initialize": self.initialize, "tools/call": self.call}
        )


@pytest.fixture
async def legacy():
    return Legacy()


@pytest.fixture
async def server(legacy):
    async with FakeServer(legacy.script()) as fake:
        yield fake


@pytest.fixture
def asked(server):
    """`asked("key_1")`: calls the tool for that caller."""
    row = ServerRow("srv_1", "org", "old", server.url, 5.0, 2.0, 0, 100, True)
    upstream = Upstream(row, UpstreamSettings(), headers={})
    client = McpClient(max_answer_bytes=1 << 20)

    async def carry(headers, body):
        exchange = await upstream.pool.send(upstream.request(b"POST", headers, body))
        await exchange.answered
        return exchange

    async def ask(who, *, through=carry):
        return await client.request(upstream, through, who, "tools/call", {"name": "echo"})

    ask.carry = carry
    yield ask
    upstream.pool.close()


async def test_parallel_first_calls_of_a_caller_share_one_session(asked, legacy, server):
    await asyncio.gather(*(asked("key_1") for _ in range(10)))

    assert legacy.given == 1
    assert server.methods().count("notifications/initialized") == 1


async def test_callers_never_share_one(asked, legacy, server):
    await asyncio.gather(*(asked(f"key_{number}") for number in range(4)))

    assert legacy.given == 4
    used = {request.header("mcp-session-id") for request in server.requests if request.method == "tools/call"}
    assert used == {"s1", "s2", "s3", "s4"}


async def test_who_waits_for_a_session_that_fails_gets_the_same_failure(asked, legacy, server):
    async def broken(turn):
        await legacy.gate.wait()
        turn.close()

    await asked("key_0")  # so that the era is known
    legacy.gate.clear()
    server.script = by_method({"initialize": broken})
    before = len(server.requests)
    calls = [asyncio.create_task(asked("key_1")) for _ in range(3)]
    await server.received(before + 1)
    legacy.gate.set()
    ends = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(end) for end in ends] == [ConnectionBroken] * 3
    assert server.methods().count("initialize") == 2  # that of key_0, and one


async def test_a_client_that_hangs_up_does_not_take_those_with_it_who_wait(asked, legacy, server):
    async def hung_up(headers, body):
        if b'"initialize"' in body:
            await legacy.gate.wait()
            raise GatewayOpsError("the client hung up", Reason.CLIENT_GONE)
        return await asked.carry(headers, body)

    await asked("key_0")  # so that the era is known
    legacy.gate.clear()
    gone = asyncio.create_task(asked("key_1", through=hung_up))
    others = [asyncio.create_task(asked("key_1")) for _ in range(2)]
    await asyncio.sleep(0)  # each runs until it waits
    legacy.gate.set()

    with pytest.raises(GatewayOpsError, match="hung up"):
        await gone
    assert [bytes(reply.result) for reply in await asyncio.gather(*others)] == [b'{"ok":true}'] * 2
    assert legacy.given == 2  # that of key_0, and one


@pytest.mark.parametrize(
    "said",
    [
        pytest.param((404, -32001, "Session not found"), id="404"),
        pytest.param((404, 0, "Session not found"), id="404 in plain words"),
        pytest.param((400, -32000, "Bad Request: No valid session ID provided"), id="400, TypeScript SDK"),
        pytest.param((400, -32000, "Bad Request: Server not initialized"), id="400, not initialized"),
        pytest.param((400, -32600, "Bad Request: Missing session ID"), id="400, Python SDK"),
    ],
)
async def test_a_forgotten_session_is_begun_anew_once(asked, legacy, server, said):
    await asked("key_1")
    legacy.known.clear()
    legacy.forgets_with = said

    replies = await asyncio.gather(*(asked("key_1") for _ in range(5)))

    assert all(reply.failure() is None for reply in replies)
    assert legacy.given == 2


@pytest.mark.parametrize(
    "said",
    [
        pytest.param((400, -32602, "Invalid arguments: path is required"), id="400"),
        pytest.param((404, -32601, "Method not found"), id="404 that answers the call"),
        pytest.param((429, -32000, "Session not found"), id="another status"),
    ],
)
async def test_any_other_refusal_is_an_answer_and_keeps_the_session(asked, legacy, server, said):
    await asked("key_1")
    legacy.known.clear()
    legacy.forgets_with = said

    reply = await asked("key_1")

    assert reply.failure().code == said[1]
    assert legacy.given == 1
    assert server.methods().count("tools/call") == 2


async def test_a_server_that_forgets_at_once_is_not_asked_for_ever(asked, legacy, server):
    await asked("key_1")

    async def forgetful(turn):
        await turn.fail(-32001, "Session not found", status=404)

    scripts = {"initialize": legacy.initialize, "tools/call": forgetful}
    server.script = by_method(scripts)
    reply = await asked("key_1")

    assert reply.failure().code == -32001
    assert legacy.given == 2


@pytest.mark.parametrize(("status", "discoveries"), [(503, 1), (404, 2)])
async def test_an_outage_of_a_modern_server_does_not_make_us_ask_what_it_is(
    asked, server, status, discoveries
):
    async def modern(turn):
        await turn.reply({"supportedVersions": ["2026-07-28"]})

    async def out(turn):
        await turn.answer(b"<h1>no</h1>", status=status, content_type="text/html")

    server.script = by_method({"server/discover": modern, "tools/call": out})
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await asked("key_1")

    assert server.methods().count("server/discover") == discoveries
