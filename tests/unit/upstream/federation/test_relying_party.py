"""The relying party against a provider that lies, rotates its keys and refuses; and against a fake GitHub."""

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from gatewayops.base.errors import GatewayOpsError
from gatewayops.identity.federation.attempt import Attempt, new_attempt
from gatewayops.identity.federation.refusal import FederationRefused
from gatewayops.identity.federation.registration import Kind, Registration
from gatewayops.testing.fake_github import CLIENT_ID, CLIENT_SECRET, FakeGitHub, fake_github
from gatewayops.upstream.federation import documents
from gatewayops.upstream.federation.relying_party import Answer, RelyingParty

BACK = "https://gateway.example.com/sign-in/sso/idp_1/callback"
CANARY = "upstream-token-canary-7c1f"


class Provider:
    """Answers as a test says; `asked` holds (path, headers, body) of each request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, Any] = {"sub": "1", "email": "ada@example.com", "email_verified": True}
        self.userinfo: dict[str, Any] = {"sub": "1", "groups": ["staff"]}
        self.document: dict[str, Any] = {
            "issuer": url,
            "authorization_endpoint": f"{url}/authorize?tenant=7",
            "token_endpoint": f"{url}/token",
            "jwks_uri": f"{url}/jwks",
            "userinfo_endpoint": f"{url}/userinfo",
        }
        self.refusal: tuple[int, dict[str, Any]] | None = None
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []

    def answer(self, path: str, headers: dict[str, str], form: dict[str, str]) -> tuple[int, Any]:
        self.asked.append((path, headers, form))
        if path == "/token" and self.refusal is not None:
            return self.refusal
        return 200, {
            "/.well-known/openid-configuration": self.document,
            "/jwks": {"keys": [self.key.as_dict(private=False)]},
            "/token": {"access_token": CANARY, "id_token": self.id_token()},
            "/userinfo": self.userinfo,
        }[path]

    def id_token(self) -> str:
        now = int(time.time())
        usual = {"iss": self.url, "aud": "gatewayops", "iat": now, "exp": now + 60, "nonce": ATTEMPT.nonce}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, usual | self.claims, self.key)

    def paths(self) -> list[str]:
        return [path for path, *_ in self.asked]


ATTEMPT = Attempt("state", "nonce", "v" * 43)


@pytest.fixture
def provider() -> Iterator[Provider]:
    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, content = found.answer(urlsplit(self.path).path, headers, dict(parse_qsl(raw)))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    found = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def registered(provider: Provider) -> Registration:
    return Registration(
        kind=Kind.OIDC,
        client_id="gatewayops",
        client_secret="s:e c/ret",
        issuer=provider.url,
        allows_private=True,
    )


async def came_back(registered: Registration, party: RelyingParty | None = None, **answer: str) -> Any:
    answered = Answer(code="code-1", **answer)
    return await (party or RelyingParty()).identity(registered, ATTEMPT, answered, redirect_uri=BACK)


async def test_a_person_is_sent_there_with_everything_that_binds_the_answer(registered: Registration) -> None:
    url = await RelyingParty().authorization_url(
        registered, ATTEMPT, redirect_uri=BACK, login_hint="ada@example.com", prompt="login"
    )
    sent = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith(f"{registered.issuer}/authorize?tenant=7&")
    assert sent["response_type"] == "code"
    assert (sent["client_id"], sent["redirect_uri"]) == ("gatewayops", BACK)
    assert (sent["state"], sent["nonce"], sent["scope"]) == ("state", "nonce", "openid email profile")
    assert (sent["code_challenge"], sent["code_challenge_method"]) == (ATTEMPT.challenge, "S256")
    assert (sent["login_hint"], sent["prompt"]) == ("ada@example.com", "login")
    assert ATTEMPT.verifier not in url


async def test_the_answer_becomes_an_identity_and_userinfo_is_asked_for_what_the_token_lacks(
    provider: Provider, registered: Registration
) -> None:
    found = await came_back(registered)
    assert (found.issuer, found.subject, found.email) == (provider.url, "1", "ada@example.com")
    assert (found.email_verified, found.groups) == (True, ("staff",))
    [(_, headers, form)] = [asked for asked in provider.asked if asked[0] == "/token"]
    assert headers["authorization"] == "Basic Z2F0ZXdheW9wczpzJTNBZStjJTJGcmV0"  # gatewayops:s%3Ae+c%2Fret
    assert (form["code_verifier"], form["redirect_uri"]) == (ATTEMPT.verifier, BACK)
    assert "client_secret" not in form
    provider.claims["groups"] = []
    provider.asked.clear()
    assert (await came_back(registered)).groups == ()
    assert "/userinfo" not in provider.paths()


async def test_the_secret_goes_into_the_form_where_a_provider_takes_it_only_there(
    provider: Provider, registered: Registration
) -> None:
    provider.document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    await came_back(registered)
    [(_, headers, form)] = [asked for asked in provider.asked if asked[0] == "/token"]
    assert (form["client_id"], form["client_secret"]) == ("gatewayops", "s:e c/ret")
    assert "authorization" not in headers


async def test_a_key_that_was_rotated_is_found_and_unknown_ones_are_asked_for_at_most_twice_a_minute(
    provider: Provider, registered: Registration, monkeypatch: pytest.MonkeyPatch
) -> None:
    party = RelyingParty()
    await came_back(registered, party)
    provider.key = RSAKey.generate_key(2048, {"kid": "two"})
    with pytest.raises(FederationRefused):  # the key set is too young to be asked for again
        await came_back(registered, party)
    assert provider.paths().count("/jwks") == 1
    monkeypatch.setattr(documents, "_AGAIN_AFTER_S", 0.0)
    assert (await came_back(registered, party)).subject == "1"
    assert provider.paths().count("/jwks") == 2
    assert provider.paths().count("/.well-known/openid-configuration") == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"iss": "https://elsewhere.example"}, id="iss"),
        pytest.param({"aud": "another"}, id="aud"),
        pytest.param({"nonce": "of another attempt"}, id="nonce"),
        pytest.param({"exp": 1}, id="expired"),
    ],
)
async def test_a_token_that_is_not_ours_counts_nothing(
    provider: Provider, registered: Registration, changes: dict[str, Any]
) -> None:
    provider.claims |= changes
    with pytest.raises(FederationRefused):
        await came_back(registered)
    assert "/userinfo" not in provider.paths()


async def test_userinfo_about_somebody_else_is_refused(provider: Provider, registered: Registration) -> None:
    provider.userinfo["sub"] = "2"
    with pytest.raises(FederationRefused, match="somebody else"):
        await came_back(registered)


async def test_the_issuer_of_the_answer_is_the_one_that_was_asked(
    provider: Provider, registered: Registration
) -> None:
    with pytest.raises(FederationRefused, match="another provider"):
        await came_back(registered, issuer="https://elsewhere.example")
    provider.document["authorization_response_iss_parameter_supported"] = True
    with pytest.raises(FederationRefused, match="another provider"):
        await came_back(registered)
    assert (await came_back(registered, issuer=provider.url)).subject == "1"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(lambda url: {"issuer": f"{url}/"}, id="calls itself otherwise"),
        pytest.param(lambda url: {"issuer": None}, id="does not say who it is"),
        pytest.param(lambda url: {"token_endpoint": "file:///etc/passwd"}, id="odd token endpoint"),
        pytest.param(
            lambda url: {"jwks_uri": "http://169.254.169.254/keys"}, id="keys at the metadata address"
        ),
        pytest.param(
            lambda url: {"token_endpoint": "http://[fe80::1]/token"}, id="token endpoint on the link"
        ),
    ],
)
async def test_a_discovery_document_leads_nowhere_else(
    provider: Provider, registered: Registration, changes: Any
) -> None:
    provider.document |= changes(provider.url)
    with pytest.raises(GatewayOpsError):
        await came_back(registered)
    assert provider.paths()[1:] in ([], ["/token"])


async def test_a_provider_on_loopback_is_not_asked_unless_private_networks_are_allowed(
    provider: Provider, registered: Registration
) -> None:
    public = Registration(kind=Kind.OIDC, client_id="gatewayops", issuer=provider.url)
    with pytest.raises(GatewayOpsError):
        await came_back(public)
    assert provider.asked == []


@pytest.mark.parametrize("fault", ["refused", "userinfo", "signature"])
async def test_no_token_code_or_secret_gets_into_a_log_or_an_error(
    provider: Provider, registered: Registration, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    for logger in (None, "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=logger)
    if fault == "refused":
        provider.refusal = 400, {"error": "invalid_grant", "error_description": CANARY}
    elif fault == "userinfo":
        provider.userinfo["sub"] = CANARY
    else:
        provider.claims["nonce"] = CANARY
    with pytest.raises(FederationRefused) as refused:
        await came_back(registered)
    said = caplog.text + repr(refused.value) + repr(refused.value.__cause__)
    for secret in (CANARY, "code-1", "s:e c/ret", "Z2F0ZXdheW9wczp", ATTEMPT.verifier):
        assert secret not in said
    assert len(caplog.records) > 2  # it was not silent because nothing logged at all


async def at_github(github: FakeGitHub, **changes: Any) -> Any:
    known = Registration(
        kind=Kind.GITHUB,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        issuer=github.url,
        allows_private=True,
    )
    party, attempt = RelyingParty(), new_attempt()
    url = await party.authorization_url(known, attempt, redirect_uri=BACK)
    async with httpx.AsyncClient() as browser:
        back = (await browser.get(url)).headers["location"]
    code = dict(parse_qsl(urlsplit(back).query))["code"]
    attempt = Attempt(attempt.state, attempt.nonce, changes.get("verifier", attempt.verifier))
    return await party.identity(known, attempt, Answer(code), redirect_uri=BACK)


async def test_github_tells_the_number_of_the_account_and_its_primary_address() -> None:
    with fake_github() as github:
        github.emails.insert(0, {"email": "old@example.com", "primary": False, "verified": True})
        found = await at_github(github)
        assert (found.subject, found.email, found.email_verified) == ("583231", "ada@example.com", True)
        assert (found.name, found.groups, found.issuer) == ("Ada Lovelace", (), github.url)
        github.emails[1]["verified"] = False
        assert not (await at_github(github)).email_verified
        github.emails.clear()
        assert (await at_github(github)).email == ""


async def test_a_code_of_github_is_worth_nothing_without_the_verifier() -> None:
    with fake_github() as github, pytest.raises(FederationRefused) as refused:
        await at_github(github, verifier="w" * 43)
    assert re.search("bad_verification_code", refused.value.detail)
