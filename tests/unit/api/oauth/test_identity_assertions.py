"""Enterprise-managed authorization: an identity provider vouches for its user, and what it cannot do."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from gatewayops.upstream import guarded_fetch
from gatewayops.upstream.guarded_fetch import Document, DocumentUnavailable

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
IDP = "https://idp.example/tenant"
KEYS = "https://idp.example/keys"
PAPERS = "http://127.0.0.1:8080/oauth/papers"
Make = Callable[..., Awaitable[Any]]


class Provider:
    """A company's identity provider: its key set, in place of the network, and what it signs."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.renew("k1")
        self.asked = 0

    def renew(self, kid: str) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": kid})

    async def fetch(self, url: str) -> Document:
        self.asked += 1
        if url != KEYS:
            msg = "there is nothing"
            raise DocumentUnavailable(msg)
        return Document({"keys": [self.key.as_dict(private=False)]}, fresh_s=3600)

    def vouch(self, *, header: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        now_s = int(time.time())
        claims = {
            "iss": IDP,
            "sub": "U019488227",
            "email": "grace@corp.example",
            "aud": self.app.issuer,
            "client_id": self.app.registered["client_id"],
            "resource": self.app.resource,
            "scope": "notes.read notes.write",
            "iat": now_s,
            "exp": now_s + 300,
            "jti": f"j{now_s}{len(changes)}{id(changes)}",
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        head = {"alg": "ES256", "typ": "oauth-id-jag+jwt", "kid": "k1"} | (header or {})
        return jwt.encode(head, claims, key or self.key, algorithms=["ES256", "HS256"])

    async def present(self, assertion: str, issuer: str = "", **form: str) -> httpx.Response:
        found: httpx.Response = await self.app.token(
            issuer, **{"grant_type": JWT_BEARER, "assertion": assertion} | form
        )
        return found


@pytest.fixture
async def provider(employ: Make, client_of: Any, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Trusted by org_default, with a client that may bring its assertions."""
    made = Provider(await employ([JWT_BEARER]))
    monkeypatch.setattr(guarded_fetch, "fetch", made.fetch)
    operator = await client_of("org_default", "end_users.write")
    body = {"name": "Corp", "issuer": IDP, "jwks_uri": KEYS}
    assert (await operator.post("/v1/identity-issuers", json=body)).status_code == 201
    assert (await operator.post("/v1/identity-issuers", json=body)).status_code == 409
    return made


async def test_whoever_the_provider_vouches_for_gets_a_token_and_stays_the_same_person(
    provider: Provider, client_of: Any
) -> None:
    answers = [await provider.present(provider.vouch(jti=str(n))) for n in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert "refresh_token" not in answers[0].json()
    assert answers[0].json()["scope"] == "notes.read notes.write"
    reader = await client_of("org_default", "end_users.read")
    told = []
    for answer in answers:
        form = {"token": answer.json()["access_token"]}
        told.append((await reader.post(f"{provider.app.issuer}/introspect", data=form)).json())
    assert told[0]["active"]
    assert told[0]["sub"] == told[1]["sub"]
    assert told[0]["aud"] == provider.app.resource
    people = (await reader.get("/v1/end-users?email=grace@corp.example")).json()["end_users"]
    assert [person["id"] for person in people] == [told[0]["sub"]]
    assert provider.asked == 1, "keys are kept as long as HTTP says"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"header": {"typ": "JWT"}}, id="an ID token"),
        pytest.param({"header": {"typ": "at+jwt"}}, id="an access token"),
        pytest.param({"header": {"alg": "HS256"}, "key": OctKey.import_key("k" * 64)}, id="an HMAC"),
        pytest.param({"key": ECKey.generate_key("P-256")}, id="another's key"),
        pytest.param({"iss": "https://evil.example"}, id="an issuer that is not trusted"),
        pytest.param({"aud": PAPERS}, id="for another server"),
        pytest.param({"aud": ["http://127.0.0.1:8080/oauth/notes", PAPERS]}, id="for two servers"),
        pytest.param({"aud": "http://127.0.0.1:8080/oauth/notes/token"}, id="for the token endpoint"),
        pytest.param({"client_id": "cl_other"}, id="for another client"),
        pytest.param({"client_id": None}, id="for no client"),
        pytest.param({"sub": ""}, id="about nobody"),
        pytest.param({"email": None}, id="without an address"),
        pytest.param({"jti": None}, id="without an id"),
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"exp": 2**40}, id="good for too long"),
        pytest.param({"iat": 2**33, "exp": 2**33 + 9}, id="from the future"),
        pytest.param({"email": "ada@example.com"}, id="who takes an account that was there"),
    ],
)
async def test_a_wrong_assertion_gets_nothing(provider: Provider, changes: dict[str, Any]) -> None:
    answer = await provider.present(provider.vouch(**changes))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_odd_bytes_are_no_assertion(provider: Provider) -> None:
    good = provider.vouch()
    for text in ("x", "a.b.c", good[:-6], good.replace(".", "..", 1), "e30.e30.e30", "x" * 9000):
        assert (await provider.present(text)).json()["error"] == "invalid_grant", text[:20]
    assert (await provider.present("")).json()["error"] == "invalid_request"


async def test_an_assertion_is_good_once(provider: Provider) -> None:
    assertion = provider.vouch()
    assert (await provider.present(assertion)).status_code == 200
    assert (await provider.present(assertion)).json()["error"] == "invalid_grant"


async def test_scopes_are_what_is_asked_vouched_for_and_offered(provider: Provider) -> None:
    answer = await provider.present(provider.vouch(scope="notes.read admin"))
    assert answer.json()["scope"] == "notes.read"
    narrow = await provider.present(provider.vouch(), scope="notes.write")
    assert narrow.json()["scope"] == "notes.write"
    for claims, form in ({"scope": "admin"}, {}), ({"scope": "notes.read"}, {"scope": "notes.write"}):
        assert (await provider.present(provider.vouch(**claims), **form)).json()["error"] == "invalid_scope"
    wrong = await provider.present(provider.vouch(resource="http://127.0.0.1:8080/v1/mcp/papers"))
    assert wrong.json()["error"] == "invalid_target"


async def test_a_provider_of_one_organisation_vouches_for_nobody_in_another(
    provider: Provider, employ: Make
) -> None:
    papers = await employ([JWT_BEARER], "papers")
    assertion = provider.vouch(aud=papers.issuer, client_id=papers.registered["client_id"], resource=None)
    told = await papers.token(grant_type=JWT_BEARER, assertion=assertion)
    assert told.json()["error"] == "invalid_grant"
    assert "not trusted" in told.json()["error_description"]


async def test_a_client_that_is_not_registered_for_it_brings_none(provider: Provider, register: Make) -> None:
    app = await register()
    assertion = provider.vouch(client_id=app.registered["client_id"])
    answer = await app.token(grant_type=JWT_BEARER, assertion=assertion)
    assert answer.json()["error"] == "unauthorized_client"


async def test_keys_that_change_are_fetched_anew_once_a_minute(provider: Provider) -> None:
    assert (await provider.present(provider.vouch())).status_code == 200
    provider.renew("k2")
    assert (await provider.present(provider.vouch(header={"kid": "k2"}))).status_code == 200
    assert provider.asked == 2
    for _ in range(3):
        await provider.present(provider.vouch(key=ECKey.generate_key("P-256"), header={"kid": "k3"}))
    assert provider.asked == 2, "who sends nonsense makes nobody fetch"


async def test_what_a_provider_brought_ends_with_the_trust_in_it(
    provider: Provider, client_of: Any, anyone: httpx.AsyncClient
) -> None:
    token = (await provider.present(provider.vouch())).json()["access_token"]
    operator = await client_of("org_default", "end_users.*")
    (issuer,) = (await operator.get("/v1/identity-issuers")).json()["identity_issuers"]
    stranger = await client_of("org_other", "end_users.*")
    assert (await stranger.delete(f"/v1/identity-issuers/{issuer['id']}")).status_code == 404
    assert (await stranger.get("/v1/identity-issuers")).json()["identity_issuers"] == []
    assert (await operator.delete(f"/v1/identity-issuers/{issuer['id']}")).status_code == 204
    told = (await operator.post(f"{provider.app.issuer}/introspect", data={"token": token})).json()
    assert told == {"active": False}
    assert (await provider.present(provider.vouch())).json()["error"] == "invalid_grant"


async def test_only_https_is_trusted_and_metadata_tells_of_it(
    provider: Provider, client_of: Any, anyone: httpx.AsyncClient
) -> None:
    operator = await client_of("org_default", "end_users.write")
    for field, value in (
        ("issuer", "http://idp.example"),
        ("jwks_uri", "http://10.0.0.1/keys"),
        ("issuer", "x"),
    ):
        body = {"name": "x", "issuer": "https://other.example", "jwks_uri": KEYS} | {field: value}
        assert (await operator.post("/v1/identity-issuers", json=body)).status_code == 400, value
    found = (await anyone.get(f"{provider.app.issuer}/.well-known/oauth-authorization-server")).json()
    profile = "urn:ietf:params:oauth:grant-profile:id-jag"
    anyone._transport.app.state.oauth.servers.clear()  # type: ignore[attr-defined]  # as the watch does
    found = (await anyone.get(f"{provider.app.issuer}/.well-known/oauth-authorization-server")).json()
    assert found["authorization_grant_profiles_supported"] == [profile]
    assert JWT_BEARER in found["grant_types_supported"]
    other = (await anyone.get(f"{PAPERS}/.well-known/oauth-authorization-server")).json()
    assert "authorization_grant_profiles_supported" not in other
