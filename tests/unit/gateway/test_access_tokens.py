"""End users at the gateway's door: whose token counts, who is sent to sign in, what ends a token."""

import hmac
import logging
import re
import time
from functools import partial

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from gatewayops.identity.oauth.access_token import LEEWAY_S
from gatewayops.store import snapshot as sn
from gatewayops.testing.token_signer import TokenSigner

URL = "https://mcp.example.com"
METADATA = f"{URL}/.well-known/oauth-protected-resource/v1/mcp/tools"
NEEDED = ("files:read", "files:write")
SCOPE = " ".join(NEEDED)
LATER = 30 * 60


@pytest.fixture
def signer():
    return TokenSigner(URL)


@pytest.fixture
async def protected(start_gateway, rules, server, signer):
    """`tools` takes access tokens; `other` too; both need NEEDED."""
    rules.governing["signing_keys"] = (signer.row,)
    changes = {"auth": sn.PLATFORM_OAUTH, "oauth_scopes": NEEDED}
    rules.add_server("other", server.url, slug="other", **changes)
    row = {"slug": "tools", **changes}
    return await start_gateway(row=row, settings={"public_url": f"{URL}/"})


async def call(gateway, token, **options):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await gateway.call("echo", {"text": "hi"}, key=None, headers=headers, **options)


def challenge(answer):
    """The parameters of the challenge."""
    scheme, _, rest = (answer.header("www-authenticate") or "").partition(" ")
    assert scheme == "Bearer"
    return dict(re.findall(r'(\w+)="([^"]*)"', rest))


async def test_an_end_user_with_a_token_calls_and_is_on_record_with_the_client(protected, signer):
    answer = await call(protected, signer.token("tools", scope=SCOPE))

    assert answer.status == 200
    record = protected.record
    assert (record.org_id, record.user_id, record.key_id) == ("org_default", "eu_ada", "cl_editor")
    assert (record.server, record.tool, record.status) == ("tools", "echo", "success")
    assert record.client_address == "127.0.0.1"


async def test_the_second_call_with_a_token_verifies_nothing(protected, signer, monkeypatch):
    token = signer.token("tools", scope=SCOPE)
    assert (await call(protected, token)).status == 200
    monkeypatch.setattr("gatewayops.identity.oauth.access_tokens.verify", None)

    assert (await call(protected, token)).status == 200


async def test_the_rest_routes_take_the_token_too(protected, signer):
    bearer = {"authorization": f"Bearer {signer.token('tools', scope=SCOPE)}"}
    answer = await protected.rest("tools/call", {"tool": "echo"}, key=None, headers=bearer)

    assert answer.status == 200
    assert protected.record.user_id == "eu_ada"


async def test_who_comes_without_a_token_learns_where_to_sign_in_and_for_what(protected, server):
    answer = await call(protected, "")

    assert (answer.status, answer.reason) == (401, "token_missing")
    assert challenge(answer) == {"resource_metadata": METADATA, "scope": SCOPE}
    assert server.requests == []
    assert (protected.record.org_id, protected.record.key_id) == ("org_default", "")


async def test_a_stream_asked_for_without_a_token_is_challenged_as_well(protected):
    answer = await protected.ask("GET", "/v1/mcp/tools", key=None, headers={"accept": "text/event-stream"})

    assert answer.status == 401
    assert challenge(answer)["resource_metadata"] == METADATA


def by_secret(signer):
    """The public key, taken for a secret (RFC 8725, section 2.1)."""
    public = signer.public.as_pem(private=False)
    return {"header": {"alg": "HS256"}, "sign": lambda signed: hmac.digest(public, signed, "sha256")}


def by_rsa(_):
    key = rsa.generate_private_key(65537, 2048)
    sign = partial(key.sign, padding=PKCS1v15(), algorithm=hashes.SHA256())
    return {"header": {"alg": "RS256"}, "sign": sign}


WRONG = [
    pytest.param(lambda s: {"aud": f"{URL}/v1/mcp/other"}, id="for another server"),
    pytest.param(lambda s: {"aud": f"{URL}/v1/mcp/tools/"}, id="audience with a slash more"),
    pytest.param(lambda s: {"aud": [f"{URL}/v1/mcp/tools"]}, id="a list of audiences"),
    pytest.param(lambda s: {"aud": None}, id="for nobody"),
    pytest.param(lambda s: {"iss": f"{URL}/oauth/other"}, id="of another issuer"),
    pytest.param(lambda s: {"iss": f"{URL}/oauth/tools/"}, id="issuer with a slash more"),
    pytest.param(lambda s: {"org": "org_other"}, id="of another organisation"),
    pytest.param(lambda s: {"header": {"typ": "JWT"}}, id="an ID token's typ"),
    pytest.param(lambda s: {"header": {"typ": None}}, id="typ is null"),
    pytest.param(lambda s: {"header": {"kid": "kid_2"}}, id="signed by an unknown key"),
    pytest.param(lambda s: {"header": {"kid": 1}}, id="a kid that is no text"),
    pytest.param(lambda s: {"header": {"jwk": s.public.as_dict()}}, id="brings its own key"),
    pytest.param(lambda s: {"sign": TokenSigner(URL).sign}, id="signed by a stranger under our kid"),
    pytest.param(by_secret, id="HS256 with the public key"),
    pytest.param(by_rsa, id="RS256"),
    pytest.param(lambda s: {"exp": int(time.time()) - LEEWAY_S - 1}, id="expired"),
    pytest.param(lambda s: {"exp": "soon"}, id="an expiry that is no time"),
    pytest.param(lambda s: {"exp": None}, id="no expiry"),
    pytest.param(lambda s: {"iat": int(time.time()) + LATER}, id="from the future"),
    pytest.param(lambda s: {"sub": ""}, id="of nobody"),
    pytest.param(lambda s: {"gid": None}, id="of no grant"),
]


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_token_is_401_and_goes_no_further(protected, signer, server, what):
    answer = await call(protected, signer.token("tools", **{"scope": SCOPE} | what(signer)))

    assert answer.status == 401
    assert challenge(answer)["error"] == "invalid_token"
    assert challenge(answer)["resource_metadata"] == METADATA
    assert server.requests == []


def unsigned(token):
    _, payload, _ = token.split(".")
    return f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoia2lkXzEifQ.{payload}."


BROKEN = [
    pytest.param(unsigned, id="alg none"),
    pytest.param(lambda token: token[:-4] + "AAAA", id="another signature"),
    pytest.param(lambda token: token.rpartition(".")[0] + ".", id="no signature"),
    pytest.param(lambda token: token.replace(".", "", 1), id="two parts"),
    pytest.param(lambda token: f"{token}.x", id="four parts"),
    pytest.param(lambda token: "W10.W10.W10", id="lists"),
    pytest.param(lambda token: "e30.e30.e30", id="nothing in it"),
    pytest.param(lambda token: "x" * 5000, id="long"),
    pytest.param(lambda token: "\xff\xfe", id="no text"),
    pytest.param(lambda token: f"gwo_dev_{token}", id="half a key"),
]


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_no_token_is_401_as_well(protected, signer, server, broken):
    answer = await call(protected, broken(signer.token("tools", scope=SCOPE)))

    assert answer.status == 401
    assert challenge(answer)["error"] == "invalid_token"
    assert server.requests == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda now_s: {"exp": now_s - LEEWAY_S // 2}, id="expired on a clock that is ahead"),
        pytest.param(lambda now_s: {"iat": now_s + LEEWAY_S // 2}, id="issued by a clock that is ahead"),
        pytest.param(lambda _: {"header": {"typ": "application/at+JWT"}}, id="the long name of the type"),
    ],
)
async def test_clocks_may_differ_by_a_minute(protected, signer, changed):
    token = signer.token("tools", scope=SCOPE, **changed(int(time.time())))
    assert (await call(protected, token)).status == 200


async def test_a_token_of_one_server_is_refused_at_another_also_when_it_is_known(protected, signer):
    token = signer.token("tools", scope=SCOPE)
    assert (await call(protected, token)).status == 200

    answer = await call(protected, token, server="other")
    assert (answer.status, answer.reason) == (401, "token_invalid")


async def test_a_token_counts_for_nothing_at_a_server_for_keys(protected, rules, signer, server):
    rules.add_server("plain", server.url, slug="plain")
    await protected.apply()
    token = signer.token("plain", scope=SCOPE)

    assert (await call(protected, token, server="plain")).status == 401


async def test_a_token_for_less_than_the_server_needs_is_403_with_all_scopes(protected, signer, server):
    answer = await call(protected, signer.token("tools", scope="files:read mail"))

    assert (answer.status, answer.reason) == (403, "scope_insufficient")
    assert challenge(answer)["error"] == "insufficient_scope"
    assert protected.record.user_id == "eu_ada"
    assert challenge(answer)["scope"] == SCOPE
    assert server.requests == []


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("end_user", "eu_ada"), ("client", "cl_editor"), ("grant", "gr_1"), ("token", "tok_1")],
)
async def test_what_is_revoked_is_denied_with_the_next_rules(protected, rules, signer, kind, subject):
    token = signer.token("tools", scope=SCOPE)
    assert (await call(protected, token)).status == 200
    row = sn.RevocationRow("org_default", kind, subject, int(time.time()))
    rules.governing["revocations"] = (row,)
    await protected.apply()

    for _ in range(2):
        answer = await call(protected, token)
        assert (answer.status, answer.reason) == (401, "token_revoked")
    fresh = signer.token("tools", scope=SCOPE, iat=int(time.time()) + 1)
    assert (await call(protected, fresh)).status == 200


async def test_a_revocation_of_another_organisation_ends_nothing_here(protected, rules, signer):
    rules.governing["revocations"] = (sn.RevocationRow("org_other", "client", "cl_editor", int(time.time())),)
    await protected.apply()

    assert (await call(protected, signer.token("tools", scope=SCOPE))).status == 200


async def test_a_key_that_is_gone_takes_its_tokens_along(protected, rules, signer):
    token = signer.token("tools", scope=SCOPE)
    assert (await call(protected, token)).status == 200
    rules.governing["signing_keys"] = (TokenSigner(URL, kid="kid_9").row,)
    await protected.apply()

    assert (await call(protected, token)).status == 401


async def test_a_call_that_waited_for_its_body_is_not_let_in_with_a_token_revoked_meanwhile(
    protected, rules, signer, server
):
    headers, body = protected.message("tools/call", {"name": "echo"})
    bearer = {"authorization": f"Bearer {signer.token('tools', scope=SCOPE)}"}
    assert (await protected.rpc("ping", key=None, headers=bearer)).status == 200
    line = await protected.connect()
    head = protected.head("POST", "/v1/mcp/tools", key=None, headers=headers | bearer, length=len(body))
    await line.send(head + body[:5])
    asked = len(server.requests)
    row = sn.RevocationRow("org_default", "token", "tok_1", int(time.time()))
    rules.governing["revocations"] = (row,)
    await protected.apply()
    await line.send(body[5:])

    assert (await line.read_answer()).status == 401
    assert len(server.requests) == asked


async def test_a_stream_without_end_ends_when_its_caller_is_revoked(protected, rules, signer, server):
    async def forever(turn):
        await turn.open_stream()
        await turn.hung_up()

    server.script = forever
    ada = {"authorization": f"Bearer {signer.token('tools', scope=SCOPE)}"}
    ben = {"authorization": f"Bearer {signer.token('tools', scope=SCOPE, sub='eu_ben', gid='gr_2')}"}
    asked = [(None, ada), ("main", {}), (None, ben)]
    lines = [await protected.begin("subscriptions/listen", {}, key=k, headers=more) for k, more in asked]
    assert [(await line.read_head()).status for line in lines] == [200, 200, 200]
    row = sn.RevocationRow("org_default", "grant", "gr_1", int(time.time()))
    rules.governing["revocations"] = (row,)
    rules.keys = [key for key in rules.keys if key.name != "main"]
    await protected.apply()

    for line in lines[:2]:
        assert [chunk async for chunk in line.chunks()]
    assert sorted(record.reason for record in protected.records()) == ["key_unknown", "token_revoked"]
    assert {record.user_id for record in protected.records()} == {"eu_ada", "user_1"}


async def test_more_scopes_asked_for_count_for_known_tokens_too(protected, rules, signer):
    token = signer.token("tools", scope=SCOPE)
    assert (await call(protected, token)).status == 200
    tools = next(row for row in rules.servers if row.name == "tools")
    rules.add_server("tools", tools.url, slug="tools", auth=tools.auth, oauth_scopes=(*NEEDED, "admin"))
    await protected.apply()

    answer = await call(protected, token)
    assert (answer.status, challenge(answer)["scope"]) == (403, f"{SCOPE} admin")


async def test_keys_of_the_organisation_go_on_working_others_do_not(protected):
    assert (await protected.call()).status == 200
    assert (await protected.call(key="foreign")).status == 404


async def test_a_wrong_key_is_told_where_to_sign_in(protected):
    headers = {"authorization": "Bearer gwo_dev_nope" + "a" * 28}
    answer = await protected.call(key=None, headers=headers)

    assert (answer.status, answer.reason) == (401, "key_unknown")
    assert challenge(answer)["resource_metadata"] == METADATA


async def test_policies_of_the_organisation_hold_for_end_users(protected, rules, signer):
    denied = sn.Permission("deny", "tools", "tools.call", "echo")
    policy = sn.PolicyRow("pol_1", "org_default", "organization", "org_default", denied)
    rules.governing["access"] = sn.AccessRows(policies=(policy,))
    await protected.apply()
    answer = await call(protected, signer.token("tools", scope=SCOPE))

    assert (answer.status, answer.reason) == (403, "role_not_granted")


async def test_two_end_users_of_one_client_share_no_session(protected, signer, server):
    async def hello(turn):
        await turn.answer(b'{"jsonrpc":"2.0","id":1,"result":{}}', headers=[("mcp-session-id", "s-1")])

    server.script = hello
    ada = {"authorization": f"Bearer {signer.token('tools', scope=SCOPE)}"}
    ben = {"authorization": f"Bearer {signer.token('tools', scope=SCOPE, sub='eu_ben', jti='tok_2')}"}
    session = (await protected.rpc("initialize", key=None, headers=ada)).header("mcp-session-id")
    renewed = {"authorization": f"Bearer {signer.token('tools', scope=SCOPE, jti='tok_3')}"}

    answers = [
        await protected.rpc("tools/list", key=None, headers=who | {"mcp-session-id": session})
        for who in (ada, renewed, ben)
    ]
    assert [answer.status for answer in answers] == [200, 200, 404]


async def test_a_slug_leads_to_its_server_whatever_else_has_its_name(protected, rules, signer, server):
    tools = next(row for row in rules.servers if row.name == "tools")
    rules.add_server("renamed", tools.url, slug="tools", auth=tools.auth, oauth_scopes=NEEDED)
    rules.add_server("tools", "http://127.0.0.1:9/", slug="tools-2")
    await protected.apply()
    answer = await call(protected, signer.token("tools", scope=SCOPE))

    assert answer.status == 200
    assert protected.record.server == "renamed"


async def test_keys_reach_a_server_by_its_name_and_by_its_slug(protected, rules, server):
    rules.add_server("files", server.url, slug="files-acme")
    await protected.apply()

    assert [(await protected.call(server=name)).status for name in ("files", "files-acme")] == [200, 200]
    assert {record.server for record in protected.records()} == {"files"}
    assert (await protected.call(server="files-acme", key="narrow")).status == 403
    assert (await protected.call(server="files-acme", key="foreign")).status == 404


async def test_the_token_never_reaches_the_server_the_records_or_the_log(protected, signer, server, caplog):
    caplog.set_level(logging.DEBUG)
    token = signer.token("tools", scope=SCOPE, jti="tok_canary")
    wrong = signer.token("tools", aud="x")
    for sent in (token, wrong):
        await call(protected, sent)
        await call(protected, sent, era="modern")
        bearer = {"authorization": f"Bearer {sent}"}
        await protected.rest("tools/list", {}, key=None, headers=bearer)
        await protected.ask(
            "GET", "/v1/mcp/tools", key=None, headers=bearer | {"accept": "text/event-stream"}
        )

    seen = repr([(request.headers, request.body) for request in server.requests])
    kept = repr(protected.records()) + "".join(
        path.read_bytes().decode("latin-1") for path in protected.data.rglob("*") if path.is_file()
    )
    assert len(server.requests) > 2
    for sent in (token, wrong):
        for part in (sent, sent.split(".")[1], sent.split(".")[2]):
            assert part not in seen
            assert part not in kept
            assert part not in caplog.text


async def test_metadata_says_who_signs_and_for_what(protected):
    answer = await protected.ask("GET", "/.well-known/oauth-protected-resource/v1/mcp/tools", key=None)

    assert answer.status == 200
    assert answer.json == {
        "resource": f"{URL}/v1/mcp/tools",
        "authorization_servers": [f"{URL}/oauth/tools"],
        "bearer_methods_supported": ["header"],
        "resource_name": "tools",
        "scopes_supported": list(NEEDED),
    }
    assert answer.header("access-control-allow-origin") == "*"
    posted = await protected.ask("POST", "/.well-known/oauth-protected-resource/v1/mcp/tools", b"", key=None)
    assert (posted.status, posted.header("allow")) == (405, "GET")


@pytest.mark.parametrize("host", ["mcp.example.com", "localhost:1"])
async def test_addresses_come_from_the_setting_whatever_the_request_says_of_hosts(protected, host):
    path = "/.well-known/oauth-protected-resource/v1/mcp/tools"
    forged = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "forwarded": "host=evil.example",
    }
    answer = await protected.ask("GET", path, key=None, host=host, headers=forged)
    refused = await protected.ask("POST", "/v1/mcp/tools", b"{}", key=None, host=host, headers=forged)

    assert answer.json["resource"] == f"{URL}/v1/mcp/tools"
    assert challenge(refused)["resource_metadata"] == METADATA
    evil = await protected.ask("GET", path, key=None, host="evil.example")
    assert (evil.status, evil.reason) == (403, "host_not_allowed")


@pytest.mark.parametrize("slug", ["plain", "none", "tools/tools/call", "%2e%2e/tools"])
async def test_there_is_no_metadata_for_servers_without_sign_in(protected, rules, server, slug):
    rules.add_server("plain", server.url, slug="plain")
    await protected.apply()
    answer = await protected.ask("GET", f"/.well-known/oauth-protected-resource/v1/mcp/{slug}", key=None)

    assert (answer.status, answer.json["error"]) == (404, "not_found")
