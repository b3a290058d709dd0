"""Finding out what a server speaks, and asking it so; the test of a server is its shortest use."""

import pytest

from gatewayops.base.errors import UpstreamError, UpstreamTimeout
from gatewayops.store.snapshot import ServerRow
from gatewayops.testing.fake_server import FakeServer, by_method
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.pool import UpstreamUnreachable
from gatewayops.upstream.probe import probe
from gatewayops.upstream.settings import UpstreamSettings

INFO = {"io.modelcontextprotocol/serverInfo": {"name": "fake", "version": "1.2"}}
TOOLS = {"tools": [{"name": "echo", "inputSchema": {}}, {"name": "add", "inputSchema": {}}]}


@pytest.fixture
async def server():
    async with FakeServer() as fake:
        yield fake


def result(value, **headers):
    async def script(turn):
        await turn.reply(value, headers=[(name.replace("_", "-"), text) for name, text in headers.items()])

    return script


def failing(code, *, status=200):
    async def script(turn):
        await turn.fail(code, "no", status=status)

    return script


def plain(status):
    async def script(turn):
        await turn.answer(b"<h1>no</h1>", status=status, content_type="text/html")

    return script


async def probed(server, *, timeout_s=5.0, headers=None, url=None):
    row = ServerRow("srv_1", "org", "fake", url or server.url, timeout_s, 2.0, 0, 10, True)
    return await probe(row, headers or {}, UpstreamSettings())


DISCOVER = result({"supportedVersions": ["2026-07-28"], "_meta": INFO})
INITIALIZE = result(
    {"protocolVersion": "2025-06-18", "serverInfo": {"name": "old", "version": "0.9"}}, mcp_session_id="s1"
)


async def test_a_modern_server_is_known_by_its_discovery(server):
    server.script = by_method({"server/discover": DISCOVER, "tools/list": result(TOOLS)})

    found = await probed(server, headers={"X-Token": "t"})

    assert (found.era, found.server_name, found.server_version) == ("modern", "fake", "1.2")
    assert found.tools == ("echo", "add")
    assert [request.header("x-token") for request in server.requests] == ["t", "t"]


@pytest.mark.parametrize("code", [-32020, -32021, -32022])
async def test_an_error_that_only_modern_servers_know_says_so_too(server, code):
    server.script = by_method({"server/discover": failing(code, status=400), "tools/list": result(TOOLS)})

    assert (await probed(server)).era == "modern"


@pytest.mark.parametrize(
    "discover",
    [
        pytest.param(failing(-32601, status=404), id="method not found"),
        pytest.param(failing(-32600, status=400), id="no session"),
        pytest.param(plain(400), id="a page"),
        pytest.param(plain(405), id="405"),
    ],
)
async def test_any_other_refusal_means_legacy(server, discover):
    scripts = {"server/discover": discover, "initialize": INITIALIZE, "tools/list": result(TOOLS)}
    server.script = by_method(scripts)

    found = await probed(server)

    assert (found.era, found.server_name, found.tools) == ("legacy", "old", ("echo", "add"))
    assert server.methods() == ["server/discover", "initialize", "notifications/initialized", "tools/list"]
    assert server.last.header("mcp-session-id") == "s1"
    assert server.last.header("mcp-protocol-version") == "2025-06-18"
    assert server.requests[1].json["params"]["capabilities"] == {}


async def test_a_legacy_server_without_sessions_gets_no_session_header(server):
    initialize = result({"protocolVersion": "2025-03-26"})
    scripts = {"server/discover": plain(404), "initialize": initialize, "tools/list": result(TOOLS)}
    server.script = by_method(scripts)

    await probed(server)

    assert server.last.header("mcp-session-id") is None


@pytest.mark.parametrize("status", [401, 403])
async def test_a_server_that_wants_other_credentials_is_said_to(server, status):
    server.script = plain(status)

    with pytest.raises(UpstreamError, match=f"refused the gateway .{status}.: check the headers"):
        await probed(server)


@pytest.mark.parametrize("status", [200, 404])
async def test_what_is_no_mcp_is_said_to_be_none(server, status):
    server.script = plain(status)

    with pytest.raises(ConnectionBroken, match="no MCP"):
        await probed(server)


@pytest.mark.parametrize("status", [302, 500, 503])
async def test_a_server_that_does_not_answer_the_call_is_quoted_with_its_status(server, status):
    server.script = plain(status)

    with pytest.raises(UpstreamError, match=f"fake answered {status}$"):
        await probed(server)


async def test_a_server_that_refuses_to_initialize_is_quoted(server):
    server.script = by_method({"server/discover": plain(404), "initialize": failing(-32603)})

    with pytest.raises(UpstreamError, match="refused to initialize: no"):
        await probed(server)


async def test_a_server_that_says_nothing_is_a_timeout(server):
    async def silent(turn):
        await turn.hung_up()

    server.script = silent
    with pytest.raises(UpstreamTimeout):
        await probed(server, timeout_s=0.2)


async def test_a_stream_that_says_nothing_is_one_too(server):
    async def silent(turn):
        await turn.open_stream()
        await turn.hung_up()

    server.script = silent
    with pytest.raises(UpstreamTimeout):
        await probed(server, timeout_s=0.2)


async def test_nobody_there_is_unreachable(server):
    with pytest.raises(UpstreamUnreachable):
        await probed(server, url="http://127.0.0.1:9/mcp")


async def test_an_answer_may_come_as_a_stream(server):
    async def streamed(turn):
        await turn.open_stream()
        await turn.event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
        await turn.event({"jsonrpc": "2.0", "id": 99, "result": {"tools": [{"name": "wrong"}]}})
        await turn.event(turn.message(TOOLS))
        await turn.end_stream()

    server.script = by_method({"server/discover": DISCOVER, "tools/list": streamed})

    assert (await probed(server)).tools == ("echo", "add")


async def test_a_stream_that_ends_without_the_answer_is_no_answer(server):
    async def streamed(turn):
        await turn.open_stream()
        await turn.end_stream()

    server.script = by_method({"server/discover": DISCOVER, "tools/list": streamed})

    with pytest.raises(ConnectionBroken):
        await probed(server)


async def test_a_list_of_tools_that_is_none_is_an_error_of_the_server(server):
    server.script = by_method({"server/discover": DISCOVER, "tools/list": result({"tools": [{"name": 1}]})})

    with pytest.raises(UpstreamError, match="no list of tools"):
        await probed(server)
