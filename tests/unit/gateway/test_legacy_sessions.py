"""Legacy sessions through the gateway: sealed to their key and server, resumed, streamed on and ended."""

import pytest

from gatewayops.testing.fake_server import by_method

ID = "upstream-session-1"


async def initialize(turn):
    result = {"protocolVersion": "2025-11-25", "serverInfo": {"name": "fake", "version": "1"}}
    await turn.reply(result, headers=[("Mcp-Session-Id", ID)])


async def get_stream(turn):
    await turn.open_stream()
    await turn.event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    await turn.end_stream()


async def end(turn):
    await turn.answer(status=200)


@pytest.fixture
async def sealed(gateway, server):
    """The session id that the client of `gateway` got."""
    server.script = by_method({"initialize": initialize, "GET": get_stream, "DELETE": end})
    answer = await gateway.rpc("initialize", {"clientInfo": {"name": "legacy-client"}})
    return answer.header("mcp-session-id")


async def test_the_client_never_sees_the_servers_session_id_and_the_server_never_sees_ours(
    gateway, server, sealed
):
    assert ID not in sealed

    answer = await gateway.rpc("tools/list", {}, headers={"mcp-session-id": sealed})

    assert answer.status == 200
    assert server.last.header("mcp-session-id") == ID
    first, second = gateway.records()
    assert first.session == second.session != ""
    assert ID not in repr((first, second))
    assert second.agent == "legacy-client"  # remembered by the session


async def test_each_handshake_is_sealed_anew(gateway, sealed):
    again = await gateway.rpc("initialize", {})

    assert again.header("mcp-session-id") not in (sealed, None)


async def test_a_session_is_nobody_elses(gateway, rules, server, sealed):
    rules.add_server("other", server.url)
    await gateway.apply()
    before = len(server.requests)

    for options in ({"key": "lister"}, {"server": "other"}, {"key": "narrow", "server": "other"}):
        answer = await gateway.rpc("tools/list", {}, headers={"mcp-session-id": sealed}, **options)
        assert (answer.status, answer.reason) == (404, "session_unknown")
    assert len(server.requests) == before


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_nobody_else_may_listen_to_it_or_end_it(gateway, server, sealed, verb):
    answer = await gateway.ask(verb, "/v1/mcp/tools", key="lister", headers={"mcp-session-id": sealed})

    assert (answer.status, answer.reason) == (404, "session_unknown")
    assert server.methods() == ["initialize"]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda sealed: ID, id="the server's own"),
        pytest.param(lambda sealed: sealed[:-2], id="cut"),
        pytest.param(lambda sealed: ("A" if sealed[0] != "A" else "B") + sealed[1:], id="changed"),
        pytest.param(lambda sealed: "", id="empty"),
        pytest.param(lambda sealed: "a", id="one letter"),
        pytest.param(lambda sealed: "\xff\xfe" * 9, id="no ASCII"),
        pytest.param(lambda sealed: "A" * 4000, id="long"),
    ],
)
async def test_what_we_did_not_seal_is_404(gateway, server, sealed, spoil):
    answer = await gateway.rpc("tools/list", {}, headers={"mcp-session-id": spoil(sealed)})

    assert (answer.status, answer.reason) == (404, "session_unknown")
    assert server.methods() == ["initialize"]


async def test_its_stream_is_forwarded_and_recorded(gateway, server, sealed):
    headers = {"mcp-session-id": sealed, "accept": "text/event-stream", "last-event-id": "7"}
    answer = await gateway.ask("GET", "/v1/mcp/tools", headers=headers)

    assert answer.status == 200
    assert b"list_changed" in answer.body
    assert (server.last.verb, server.last.header("mcp-session-id")) == ("GET", ID)
    assert server.last.header("last-event-id") == "7"
    assert (gateway.records()[-1].method, gateway.records()[-1].status) == ("stream/get", "success")


async def test_it_is_ended_at_the_server(gateway, server, sealed):
    answer = await gateway.ask("DELETE", "/v1/mcp/tools", headers={"mcp-session-id": sealed})

    assert answer.status == 200
    assert (server.last.verb, server.last.header("mcp-session-id")) == ("DELETE", ID)
    assert gateway.records()[-1].method == "session/delete"


async def test_a_modern_server_declines_get_and_the_client_hears_it(gateway, server):
    async def declined(turn):
        await turn.answer(b"", status=405, headers=[("allow", "POST")])

    server.script = declined
    answer = await gateway.ask("GET", "/v1/mcp/tools", headers={"accept": "text/event-stream"})

    assert (answer.status, answer.header("allow")) == (405, "POST")


async def test_a_session_that_the_server_forgot_is_404_from_the_server(gateway, server, sealed):
    async def forgotten(turn):
        await turn.fail(-32600, "Session not found", status=404)

    server.script = forgotten
    answer = await gateway.rpc("tools/list", {}, headers={"mcp-session-id": sealed})

    assert (answer.status, answer.json["error"]["code"]) == (404, -32600)


async def test_a_session_outlives_the_gateway_that_sealed_it(gateway, start_gateway, server, sealed):
    other = await start_gateway()

    answer = await other.rpc("tools/list", {}, headers={"mcp-session-id": sealed})

    assert answer.status == 200
    assert server.last.header("mcp-session-id") == ID
