"""Authorization requests, proof keys, scopes and metadata: rules as tables."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gatewayops.identity.oauth import authorization, grant_types, metadata, pkce, scopes
from gatewayops.identity.oauth.refusals import OAuthRefused

RESOURCE = "https://gw.example/v1/mcp/notes"
OFFERED = ("read", "write")
GOOD = {
    "response_type": "code",
    "client_id": "cl_1",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
    "resource": RESOURCE,
    "state": "x",
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(pairs: list[tuple[str, str]]) -> authorization.Asked:
    given = authorization.parameters(pairs)
    return authorization.read(given, resource=RESOURCE, offered=OFFERED, now=NOW)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"resource": RESOURCE + "/"}, "invalid_target"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"state": "x" * 4001}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://a/b"}, "request_uri_not_supported"),
    ],
)
def test_what_is_asked_wrongly_is_refused(changes: dict[str, str], error: str) -> None:
    with pytest.raises(OAuthRefused) as refused:
        read(list((GOOD | changes).items()))
    assert refused.value.error == error


@pytest.mark.parametrize("name", [*GOOD, "scope", "redirect_uri", "anything"])
def test_no_parameter_may_come_twice(name: str) -> None:
    with pytest.raises(OAuthRefused, match="more than once"):
        read([*GOOD.items(), (name, "a"), (name, "a")])


@pytest.mark.parametrize(
    ("asked", "offered", "granted"),
    [
        ("", OFFERED, "read write"),
        ("read", OFFERED, "read"),
        ("write read offline_access", OFFERED, "write read"),
        ("read unknown", OFFERED, "read"),
        ("offline_access", OFFERED, "read write"),
        ("anything at all", (), ""),
    ],
)
def test_a_request_gets_what_is_offered_of_what_it_asks(
    asked: str, offered: tuple[str, ...], granted: str
) -> None:
    assert scopes.granted(asked, offered) == granted


@pytest.mark.parametrize(
    ("asked", "kept"), [("", "read write"), ("read", "read"), ("read offline_access", "read")]
)
def test_a_refresh_may_ask_for_less(asked: str, kept: str) -> None:
    assert scopes.narrowed(asked, "read write") == kept


def test_a_refresh_may_not_ask_for_more() -> None:
    with pytest.raises(OAuthRefused, match="more than was granted"):
        scopes.narrowed("read admin", "read write")


def test_the_proof_is_that_of_the_rfc() -> None:
    assert pkce.challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == GOOD["code_challenge"]


@pytest.mark.parametrize("uri", ["https://a/cb", "https://a/cb?x=1", "cursor://a/cb"])
def test_answers_say_who_answers_and_keep_the_state(uri: str) -> None:
    url = authorization.answer_url(uri, issuer="https://gw.example/oauth/notes", state="a&b", code="c")
    assert url.startswith(uri)
    assert url.endswith("code=c&state=a%26b&iss=https%3A%2F%2Fgw.example%2Foauth%2Fnotes")


def test_metadata_says_what_clients_check() -> None:
    issuer = "https://gw.example/oauth/notes"
    told: dict[str, Any] = metadata.of_server(issuer, OFFERED, ())
    assert told["issuer"] == issuer
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert "none" in told["token_endpoint_auth_methods_supported"]
    assert "offline_access" not in told["scopes_supported"]
    assert None not in told.values()
    assert "scopes_supported" not in metadata.of_server(issuer, (), ())
    assert "authorization_grant_profiles_supported" not in told


def test_metadata_tells_only_of_grants_that_an_operator_made_possible() -> None:
    assert metadata.enabled(frozenset(grant_types.DEFAULT), trusts_issuers=False) == ()
    allowed = frozenset({grant_types.CLIENT_CREDENTIALS, grant_types.JWT_BEARER})
    assert metadata.enabled(allowed, trusts_issuers=False) == (grant_types.CLIENT_CREDENTIALS,)
    told = metadata.of_server("https://gw.example", (), metadata.enabled(frozenset(), trusts_issuers=True))
    assert grant_types.JWT_BEARER in told["grant_types_supported"]
