"""Registration with the quirks of today's clients, how clients prove who they are, and introspection."""

import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import text

from gatewayops.store.control.database import Database

PUBLIC = "http://127.0.0.1:8080"
REGISTER = f"{PUBLIC}/oauth/notes/register"
Register = Callable[..., Awaitable[Any]]

CURSOR = [
    "cursor://anysphere.cursor-retrieval/oauth/user-agent/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            {
                "client_name": "Cursor",
                "redirect_uris": CURSOR,
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            },
            id="Cursor, three kinds of address at once",
        ),
        pytest.param(
            {
                "client_name": "Visual Studio Code",
                "redirect_uris": [
                    "https://vscode.dev/redirect",
                    "http://127.0.0.1/",
                    "http://127.0.0.1:33418/",
                ],
                "grant_types": [
                    "authorization_code",
                    "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code",
                ],
                "token_endpoint_auth_method": "none",
                "application_type": "native",
                "scope": "notes.read unknown",
            },
            id="VS Code, also the device grant",
        ),
        pytest.param(
            {
                "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
                "token_endpoint_auth_method": "client_secret_post",
            },
            id="Claude, without a name",
        ),
        pytest.param(
            {"redirect_uris": ["http://127.0.0.1:1/cb"], "client_name": "Copilot CLI", "scope": None},
            id="Copilot CLI, without scope",
        ),
    ],
)
async def test_todays_clients_register_and_may_do_so_twice(
    anyone: httpx.AsyncClient, people: dict[str, str], body: dict[str, Any]
) -> None:
    answers = [await anyone.post(REGISTER, json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    told = answers[0].json()
    assert told["client_id"] != answers[1].json()["client_id"]
    assert told["redirect_uris"] == body["redirect_uris"]
    assert None not in told.values()
    assert told.get("scope", "notes.read") == "notes.read"
    assert ("client_secret" in told) is (told["token_endpoint_auth_method"] != "none")
    assert answers[0].headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://a/cb"}, "invalid_redirect_uri"),
        ({"redirect_uris": [7]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://a/cb", "javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"https://a/{n}" for n in range(21)]}, "invalid_redirect_uri"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"client_name": ["x"]}, "invalid_client_metadata"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "d": "x"}]}},
            "invalid_client_metadata",
        ),
    ],
)
async def test_what_cannot_be_registered_is_refused_by_its_code(
    anyone: httpx.AsyncClient, people: dict[str, str], changes: dict[str, Any], error: str
) -> None:
    body = {"redirect_uris": ["https://a/cb"], "token_endpoint_auth_method": "none"} | changes
    answer = await anyone.post(REGISTER, json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert set(answer.json()) == {"error", "error_description"}


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"[" * 50_000, b"\xff", b'"x"'])
async def test_what_is_no_registration_is_refused(
    anyone: httpx.AsyncClient, people: dict[str, str], raw: bytes
) -> None:
    answer = await anyone.post(REGISTER, content=raw)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


async def test_a_client_with_a_secret_proves_it_by_header_or_in_the_form_but_not_in_both(
    register: Register, code_for: Any, database: Database
) -> None:
    app = await register(token_endpoint_auth_method="client_secret_basic")
    code = await code_for(app)
    client_id, secret = app.registered["client_id"], app.registered.pop("client_secret")
    missing = await app.exchange(code)
    assert (missing.status_code, missing.json()["error"]) == (401, "invalid_client")
    assert missing.headers["www-authenticate"].startswith("Basic")
    assert (await app.exchange(code, client_secret=secret + "x")).status_code == 401
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    app.http.headers["Authorization"] = f"Basic {basic}"
    both = await app.exchange(code, client_secret=secret)
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    tokens = await app.exchange(code)
    assert tokens.status_code == 200, tokens.text
    del app.http.headers["Authorization"]
    assert (await app.refresh(tokens.json()["refresh_token"], client_secret=secret)).status_code == 200
    async with database.engine.connect() as connection:
        assert secret not in str((await connection.execute(text("SELECT * FROM oauth_clients"))).all())


async def test_a_client_with_a_key_signs_for_the_token_endpoint_once(
    register: Register, code_for: Any
) -> None:
    key, stranger = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    jwks = {"keys": [key.as_dict(private=False)]}
    app = await register(token_endpoint_auth_method="private_key_jwt", jwks=jwks)
    code, client_id = await code_for(app), app.registered["client_id"]
    endpoint = f"{app.issuer}/token"
    kind = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}

    def signed(by: ECKey = key, **changes: Any) -> dict[str, str]:
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": endpoint,
            "exp": int(time.time()) + 60,
            "jti": "one",
        }
        return kind | {"client_assertion": jwt.encode({"alg": "ES256"}, claims | changes, by)}

    for wrong in (
        {},
        signed(stranger),
        signed(aud="https://evil.example/token"),
        signed(exp=int(time.time()) - 120),
        signed(exp=int(time.time()) + 10**6),
        signed(iss="other"),
        signed(jti=""),
        signed(jti="x" * 257),
    ):
        assert (await app.exchange(code, **wrong)).json()["error"] == "invalid_client", wrong
    tokens = await app.exchange(code, **signed())
    assert tokens.status_code == 200, tokens.text
    again = await app.refresh(tokens.json()["refresh_token"], **signed())
    assert again.json()["error"] == "invalid_client"
    fresh = signed(jti="two", aud=[app.issuer])
    assert (await app.refresh(tokens.json()["refresh_token"], **fresh)).status_code == 200


async def test_discovery_has_four_addresses_one_issuer_and_only_routes_that_answer(
    register: Register, anyone: httpx.AsyncClient
) -> None:
    app = await register()
    documents = []
    for kind in ("oauth-authorization-server", "openid-configuration"):
        for path in (f"/.well-known/{kind}/oauth/notes", f"/oauth/notes/.well-known/{kind}"):
            answer = await anyone.get(PUBLIC + path)
            assert "max-age=" in answer.headers["cache-control"]
            documents.append(answer.json())
    assert {document["issuer"] for document in documents} == {app.issuer}
    routes = {value for name, value in documents[0].items() if name.endswith(("_endpoint", "_uri"))}
    assert len(routes) == 7
    for url in routes:
        assert (await anyone.options(url)).status_code == 405, url
    assert (
        await anyone.get(f"{PUBLIC}/.well-known/oauth-authorization-server/oauth/unknown")
    ).status_code == 404
    assert "max-age=" in (await anyone.get(f"{app.issuer}/jwks")).headers["cache-control"]


async def test_a_server_that_is_not_protected_has_no_oauth_server(
    anyone: httpx.AsyncClient, register: Register, alter: Any
) -> None:
    await register()
    await alter("UPDATE mcp_servers SET auth = 'api_key' WHERE slug = 'notes'")
    for method, path in (("GET", "authorize"), ("POST", "token"), ("POST", "register"), ("GET", "jwks")):
        assert (await anyone.request(method, f"{PUBLIC}/oauth/notes/{path}")).status_code == 404


async def test_introspection_tells_the_customer_and_clients_with_a_secret_whether_a_token_counts(
    register: Register, code_for: Any, client_of: Any, people: dict[str, str]
) -> None:
    app = await register()
    tokens = (await app.exchange(await code_for(app))).json()
    form = {"token": tokens["access_token"]}
    url = f"{app.issuer}/introspect"
    ours = await client_of("org_default", "end_users.read", servers=("notes",))
    told = (await ours.post(url, data=form)).json()
    assert told["active"] is True
    assert told["sub"] == people["org_default"]
    assert told["aud"] == app.resource
    for stranger in (
        await client_of("org_other", "end_users.read"),
        await client_of("org_default", "traces.read"),
        await client_of("org_default", "end_users.read", servers=("other",)),
    ):
        assert (await stranger.post(url, data=form)).status_code == 403
    assert (await app.http.post(url, data=form)).status_code == 401
    public = {"client_id": app.registered["client_id"]} | form
    assert (await app.http.post(url, data=public)).status_code == 401
    assert (await ours.post(url, data={"token": tokens["access_token"] + "x"})).json() == {"active": False}
    await app.http.post(f"{app.issuer}/revoke", data=public)
    assert (await ours.post(url, data=form)).json() == {"active": False}


async def test_what_is_kept_of_clients_and_servers_ends_with_the_next_revision(
    register: Register, client_of: Any, anyone: httpx.AsyncClient
) -> None:
    watch = anyone._transport.app.state.watch  # type: ignore[attr-defined]
    app, operator = await register(), await client_of("org_default", "end_users.write", "servers.write")
    await watch._refresh()
    for _ in range(2):
        assert (await anyone.get(app.authorize_url())).status_code == 303
    state = anyone._transport.app.state.oauth  # type: ignore[attr-defined]
    assert len(state.clients) == 1
    ended = await operator.delete(f"/v1/servers/notes/clients/{app.registered['client_id']}")
    assert ended.status_code == 204
    await watch._refresh()
    assert (await anyone.get(app.authorize_url())).status_code == 400
    other = await register()
    assert (await anyone.get(other.authorize_url())).status_code == 303
    assert (await operator.delete("/v1/servers/notes")).status_code == 204
    await watch._refresh()
    assert (await anyone.get(other.authorize_url())).status_code == 404
