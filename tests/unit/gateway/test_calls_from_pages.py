"""MCP clients that run in a browser (CORS): what pages of other origins may ask, and read."""

import pytest

from gatewayops.store import snapshot as sn
from gatewayops.testing.fake_server import encoded
from gatewayops.testing.token_signer import TokenSigner

PAGE = "https://inspector.example"
STRANGER = "https://stranger.example"
ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}


@pytest.fixture
async def open_to_page(start_gateway, rules, server, control):
    """`tools` lets PAGE call, `any` every page; control answers whatever is asked."""

    async def script(turn):
        if turn.request.target.startswith("/internal/"):
            await turn.hung_up()
        else:
            await turn.answer(encoded({}))

    control.script = script
    signer = TokenSigner("http://127.0.0.1")
    rules.governing["signing_keys"] = (signer.row,)
    protected = {"auth": sn.PLATFORM_OAUTH}
    rules.add_server("any", server.url, slug="any", allowed_origins=("*",), **protected)
    rules.add_server("closed", server.url, slug="closed", **protected)
    row = {"slug": "tools", "allowed_origins": (PAGE,), **protected}
    return await start_gateway(row=row, control=control)


async def preflight(gateway, path, origin=PAGE, **options):
    return await gateway.ask("OPTIONS", path, headers=ASKS | {"origin": origin}, key=None, **options)


async def test_a_page_that_may_call_is_told_so_and_reads_the_challenge(open_to_page):
    asked = await preflight(open_to_page, "/v1/mcp/tools")
    refused = await open_to_page.rpc("tools/list", key=None, headers={"origin": PAGE})
    called = await open_to_page.rpc("tools/list", headers={"origin": PAGE})

    assert asked.status == 204
    assert asked.header("access-control-allow-methods") == "GET, POST, DELETE"
    assert asked.header("access-control-allow-headers") == "Authorization, *"
    assert (refused.status, called.status) == (401, 200)
    for answer in (asked, refused, called):
        assert answer.header("access-control-allow-origin") == PAGE
        assert answer.header("vary") == "Origin"
        assert answer.header("access-control-allow-credentials") is None
        exposed = answer.header("access-control-expose-headers").split(", ")
        assert {"WWW-Authenticate", "Mcp-Session-Id"} <= set(exposed)


async def test_streams_can_be_read_by_the_page_too(open_to_page, server):
    async def stream(turn):
        await turn.answer(b'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n', content_type="text/event-stream")

    server.script = stream
    line = await open_to_page.begin("tools/list", headers={"origin": PAGE})

    assert (await line.read_answer()).header("access-control-allow-origin") == PAGE


@pytest.mark.parametrize(
    "origin",
    [STRANGER, "null", PAGE + ":8443", PAGE.upper(), "http://inspector.example", PAGE + ".evil.example"],
)
async def test_pages_of_other_origins_neither_call_nor_read(open_to_page, server, origin):
    asked = await preflight(open_to_page, "/v1/mcp/tools", origin)
    called = await open_to_page.rpc("tools/list", headers={"origin": origin})

    assert (asked.status, called.status) == (403, 403)
    assert called.reason == "origin_not_allowed"
    assert called.header("access-control-allow-origin") is None
    assert not server.requests


async def test_a_server_may_be_open_to_all_pages_and_is_to_none_by_itself(open_to_page):
    anywhere = await open_to_page.rpc("tools/list", server="any", headers={"origin": STRANGER})
    closed = await open_to_page.rpc("tools/list", server="closed", headers={"origin": PAGE})

    assert anywhere.header("access-control-allow-origin") == STRANGER
    assert (anywhere.status, closed.status) == (200, 403)


async def test_a_page_on_this_machine_calls_a_gateway_on_this_machine(open_to_page):
    local = "http://localhost:6274"
    asked = await preflight(open_to_page, "/v1/mcp/closed", local)
    called = await open_to_page.rpc("tools/list", server="closed", headers={"origin": local})

    assert (asked.status, called.status) == (204, 200)
    assert called.header("access-control-allow-origin") == local


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/.well-known/oauth-protected-resource/v1/mcp/tools"),
        ("GET", "/.well-known/oauth-authorization-server/oauth/tools"),
        ("GET", "/.well-known/openid-configuration/oauth/tools"),
        ("GET", "/oauth/tools/.well-known/openid-configuration"),
        ("GET", "/oauth/tools/jwks"),
        ("POST", "/oauth/tools/register"),
        ("POST", "/oauth/tools/token"),
        ("POST", "/oauth/tools/revoke"),
    ],
)
async def test_any_page_may_ask_what_needs_no_cookie(open_to_page, verb, path):
    asked = await preflight(open_to_page, path, STRANGER)
    told = await open_to_page.ask(verb, path, b"", headers={"origin": STRANGER}, key=None)

    assert (asked.status, told.status) == (204, 200)
    for answer in (asked, told):
        assert answer.header("access-control-allow-origin") == "*"
        assert answer.header("access-control-allow-credentials") is None


@pytest.mark.parametrize(
    "path",
    [
        "/oauth/tools/authorize",
        "/oauth/tools/consent",
        "/oauth/tools/sign-in",
        "/oauth/tools/introspect",
        "/oauth/tools/token/..",
        "/v1/servers",
        "/v1/auth/session",
        "/",
    ],
)
async def test_pages_elsewhere_get_nothing_where_cookies_or_keys_count(open_to_page, control, path):
    before = len(control.requests)
    asked = await preflight(open_to_page, path, STRANGER)
    told = await open_to_page.ask("POST", path, b"", headers={"origin": STRANGER}, key=None)

    assert (asked.status, told.status) == (403, 403)
    assert told.header("access-control-allow-origin") is None
    assert all(one.target.startswith("/internal/") for one in control.requests[before:])
