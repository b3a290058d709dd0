"""Servers with hosts of their own, `<slug>.<domain>`: each is a whole address, and leads nowhere else."""

import re

import pytest

from gatewayops.settings import SettingsWrong, load
from gatewayops.store import oauth_addresses
from gatewayops.store import snapshot as sn
from gatewayops.testing.fake_server import encoded
from gatewayops.testing.token_signer import TokenSigner

DOMAIN = "mcp.example.com"
HOST, OTHER = f"tools.{DOMAIN}", f"other.{DOMAIN}"
SITE = oauth_addresses.Site("https://gw.example.com", DOMAIN)
OWN = SITE.addresses("tools", at_host=True)
METADATA = "/.well-known/oauth-protected-resource"


@pytest.fixture
def signer():
    return TokenSigner("https://gw.example.com")


@pytest.fixture
async def protected(start_gateway, rules, server, control, signer):
    async def script(turn):
        if turn.request.target.startswith("/internal/"):
            await turn.hung_up()
        else:
            seen = {"target": turn.request.target, "host": turn.request.header("x-forwarded-host")}
            await turn.answer(encoded(seen))

    control.script = script
    rules.governing["signing_keys"] = (signer.row,)
    rules.add_server("other", server.url, slug="other", auth=sn.PLATFORM_OAUTH)
    rules.add_server("tools", server.url, org="org_other", slug="tools-other")
    return await start_gateway(
        row={"slug": "tools", "auth": sn.PLATFORM_OAUTH},
        settings={"public_url": "https://gw.example.com"},
        control=control,
        oauth_domain=DOMAIN,
    )


def own_token(signer, slug="tools"):
    there = SITE.addresses(slug, at_host=True)
    return signer.token(slug, iss=there.issuer, aud=there.resource)


async def call(gateway, token, *, host=HOST, path="/mcp", key=None):
    headers, body = gateway.message("tools/call", {"name": "echo", "arguments": {}})
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    return await gateway.ask("POST", path, body, headers=headers, host=host, key=key)


async def test_a_server_s_own_host_says_where_to_sign_in_to_the_byte(protected):
    refused = await call(protected, "")
    told = dict(re.findall(r'(\w+)="([^"]*)"', refused.header("www-authenticate")))
    by_path, at_root = [
        (await protected.ask("GET", path, host=HOST, key=None)).json for path in (f"{METADATA}/mcp", METADATA)
    ]

    assert refused.status == 401
    assert told["resource_metadata"] == f"https://{HOST}{METADATA}/mcp"
    assert by_path == at_root
    assert by_path["resource"] == f"https://{HOST}/mcp"
    assert by_path["authorization_servers"] == [f"https://{HOST}"]


async def test_a_token_is_good_at_the_address_that_it_was_made_for_and_at_no_other(protected, signer):
    own, of_path = own_token(signer), signer.token("tools")

    assert (await call(protected, own)).status == 200
    assert (await call(protected, own)).status == 200
    assert (await call(protected, of_path, host=None, path="/v1/mcp/tools")).status == 200
    assert (await call(protected, own, host=None, path="/v1/mcp/tools")).reason == "token_invalid"
    assert (await call(protected, of_path)).reason == "token_invalid"
    assert (await call(protected, own, host=OTHER)).reason == "token_invalid"
    assert (await call(protected, own_token(signer, "other"))).reason == "token_invalid"


async def test_the_rest_routes_are_there_too(protected, signer):
    headers = {"authorization": f"Bearer {own_token(signer)}"}
    answer = await protected.ask(
        "POST", "/mcp/tools/call", b'{"tool":"echo"}', headers=headers, host=HOST, key=None
    )

    assert answer.status == 200


async def test_a_key_calls_the_host_s_server_and_never_one_of_its_own_of_that_name(protected):
    assert (await call(protected, "", key="main")).status == 200
    assert (await call(protected, "", key="foreign")).status == 404


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/authorize?x=%2F", "/oauth/tools/authorize?x=%2F"),
        ("/token", "/oauth/tools/token"),
        ("/.well-known/oauth-authorization-server", "/oauth/tools/.well-known/oauth-authorization-server"),
        ("/.well-known/openid-configuration", "/oauth/tools/.well-known/openid-configuration"),
        ("/v1/servers", "/oauth/tools/v1/servers"),
        ("/sign-in", "/oauth/tools/sign-in"),
        ("/", "/oauth/tools/"),
        ("/v1/mcp/other", "/oauth/tools/v1/mcp/other"),
        ("/metrics", "/oauth/tools/metrics"),
        ("/internal/snapshot", "/oauth/tools/internal/snapshot"),
        ("/oauth/other/token", "/oauth/tools/oauth/other/token"),
        ("/%2e%2e/other/token", "/oauth/tools/%2e%2e/other/token"),
        ("/static/app.css?v=1", "/static/app.css?v=1"),  # which its sign-in pages are drawn with
        ("/static/../v1/servers", "/oauth/tools/static/../v1/servers"),
        ("/static/%2e%2e%2fsign-in", "/oauth/tools/static/%2e%2e%2fsign-in"),
        ("/static/", "/oauth/tools/static/"),
    ],
)
async def test_nothing_but_its_own_sign_in_is_behind_a_server_s_host(protected, path, inner):
    headers = {"x-forwarded-host": f"other.{DOMAIN}"}
    answer = await protected.ask("GET", path, host=HOST, key=None, headers=headers)

    assert answer.json == {"target": inner, "host": HOST}


@pytest.mark.parametrize(
    "host",
    [
        DOMAIN,
        f"a.tools.{DOMAIN}",
        f"tools.{DOMAIN}.evil.example",
        f"tools-{DOMAIN}",
        f"tools_.{DOMAIN}",
        f"-tools.{DOMAIN}",
        "tools.evil.example",
        f".{DOMAIN}",
    ],
)
async def test_hosts_that_are_nobody_s_are_refused(protected, signer, host):
    assert (await call(protected, own_token(signer), host=host)).reason == "host_not_allowed"
    assert (await protected.ask("GET", "/authorize", host=host, key=None)).status == 403


async def test_a_host_of_no_server_has_nothing(protected, signer):
    answer = await protected.ask("GET", METADATA, host=f"nobody.{DOMAIN}", key=None)

    assert answer.status == 404
    assert (await call(protected, own_token(signer), host=f"nobody.{DOMAIN}")).status == 401


async def test_a_sibling_s_page_gets_nothing_past_a_server_s_host(protected):
    headers = {"origin": f"https://{OTHER}"}
    answer = await protected.ask("POST", "/consent", b"", headers=headers, host=HOST, key=None)

    assert answer.reason == "origin_not_allowed"


@pytest.mark.parametrize(
    "settings",
    [
        {"oauth": {"domain": "MCP.example.com"}},
        {"oauth": {"domain": "https://mcp.example.com"}},
        {"oauth": {"domain": "*.example.com"}},
        {"oauth": {"domain": "10.0.0.1"}},
        {"oauth": {"domain": "example.com"}, "gateway": {"public_url": "https://gw.example.com"}},
        {"oauth": {"domain": "example.com"}, "gateway": {"allowed_hosts": ["api.example.com"]}},
    ],
)
def test_a_domain_that_cannot_be_stops_the_start(settings):
    with pytest.raises(SettingsWrong, match="oauth"):
        load(settings, {})
