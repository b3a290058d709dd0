"""Clients in their own name, or with a person's token: only those that an operator chose."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

CREDENTIALS = "client_credentials"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Make = Callable[..., Awaitable[Any]]


def claims_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()["access_token"].split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=="))
    return found


async def exchanged(app: Any, token: str, **changes: str) -> httpx.Response:
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS} | changes
    found: httpx.Response = await app.token(**form)
    return found


async def introspected(client_of: Any, issuer: str, token: str) -> dict[str, Any]:
    reader = await client_of("org_default", "end_users.read")
    found: dict[str, Any] = (await reader.post(f"{issuer}/introspect", data={"token": token})).json()
    return found


async def test_a_client_gets_a_token_in_its_own_name_until_it_is_disabled(
    employ: Make, client_of: Any
) -> None:
    robot = await employ([CREDENTIALS])
    answer = await robot.token(grant_type=CREDENTIALS, scope="notes.read")
    claims, client_id = claims_of(answer), robot.registered["client_id"]
    assert (claims["sub"], claims["client_id"], claims["scope"]) == (client_id, client_id, "notes.read")
    assert (claims["aud"], claims["iss"]) == (robot.resource, robot.issuer)
    assert "refresh_token" not in answer.json()
    token = answer.json()["access_token"]
    assert (await introspected(client_of, robot.issuer, token))["active"]
    operator = await client_of("org_default", "end_users.write")
    assert (await operator.delete(f"/v1/servers/notes/clients/{client_id}")).status_code == 204
    assert not (await introspected(client_of, robot.issuer, token))["active"]
    assert (await robot.token(grant_type=CREDENTIALS)).json()["error"] == "invalid_client"


async def test_it_may_prove_itself_by_a_key(employ: Make) -> None:
    key = ECKey.generate_key("P-256")
    public = {"keys": [key.as_dict(private=False)]}
    robot = await employ([CREDENTIALS], auth_method="private_key_jwt", jwks=public)
    client_id = robot.registered["client_id"]
    claims = {"iss": client_id, "sub": client_id, "aud": f"{robot.issuer}/token", "jti": "1"}
    signed = jwt.encode({"alg": "ES256"}, claims | {"exp": int(time.time()) + 60}, key)
    form = {"client_assertion": signed, "client_assertion_type": ASSERTION, "grant_type": CREDENTIALS}
    assert claims_of(await robot.token(**form))["sub"] == client_id
    assert (await robot.token(**form)).json()["error"] == "invalid_client", "an assertion is good once"


@pytest.mark.parametrize("grant_type", [CREDENTIALS, EXCHANGE])
async def test_nobody_gives_themselves_such_a_grant(
    register: Make, employ: Make, anyone: httpx.AsyncClient, client_of: Any, grant_type: str
) -> None:
    app = await register(
        token_endpoint_auth_method="client_secret_post", grant_types=["authorization_code", grant_type]
    )
    assert grant_type not in app.registered["grant_types"]
    assert (await app.token(grant_type=grant_type)).json()["error"] == "unauthorized_client"
    alone = await anyone.post(f"{app.issuer}/register", json={"grant_types": [grant_type]})
    assert alone.json()["error"] == "invalid_client_metadata"
    operator = await client_of("org_default", "end_users.write")
    public = {"name": "x", "grant_types": [grant_type], "auth_method": "none"}
    assert (await operator.post("/v1/servers/notes/clients", json=public)).status_code == 400
    ordinary = await employ(["authorization_code"], redirect_uris=["https://a.example/cb"])
    assert (await ordinary.token(grant_type=grant_type)).json()["error"] == "unauthorized_client"


async def test_a_client_gets_no_more_than_it_is_registered_for(employ: Make) -> None:
    robot = await employ([CREDENTIALS], scopes=["notes.read"])
    assert claims_of(await robot.token(grant_type=CREDENTIALS))["scope"] == "notes.read"
    for changes, error in (
        ({"scope": "notes.write"}, "invalid_scope"),
        ({"resource": "http://127.0.0.1:8080/v1/mcp/papers"}, "invalid_target"),
        ({"client_secret": "gwo_cs_wrong"}, "invalid_client"),
    ):
        assert (await robot.token(grant_type=CREDENTIALS, **changes)).json()["error"] == error
    elsewhere = await robot.token("http://127.0.0.1:8080/oauth/papers", grant_type=CREDENTIALS)
    assert elsewhere.json()["error"] == "invalid_client"
    robot.registered["redirect_uris"] = ["https://e.example"]
    page = await robot.http.get(robot.authorize_url())
    assert (page.status_code, page.headers.get("location")) == (400, None), "it has no person to send"


async def test_a_token_is_exchanged_for_one_that_does_less_and_says_who_acts(
    register: Make, employ: Make, code_for: Any, people: dict[str, str], client_of: Any
) -> None:
    app, robot = await register(), await employ([EXCHANGE])
    mine = await app.exchange(await code_for(app))
    first, token = claims_of(mine), mine.json()["access_token"]
    answer = await exchanged(robot, token, scope="notes.read")
    claims = claims_of(answer)
    assert answer.json()["issued_token_type"] == ACCESS
    assert (claims["sub"], claims["gid"]) == (people["org_default"], first["gid"])
    assert claims["act"] == {"sub": robot.registered["client_id"]}
    assert (claims["scope"], claims["client_id"]) == ("notes.read", robot.registered["client_id"])
    assert claims["exp"] <= first["exp"]
    narrow = answer.json()["access_token"]
    assert (await exchanged(robot, narrow, scope="notes.write")).json()["error"] == "invalid_scope"
    again = claims_of(await exchanged(robot, narrow))
    assert again["act"]["act"] == claims["act"]
    await app.http.post(
        f"{app.issuer}/revoke",
        data={"client_id": app.registered["client_id"], "token": mine.json()["refresh_token"]},
    )
    assert not (await introspected(client_of, app.issuer, narrow))["active"], "it ends with the grant"
    assert (await exchanged(robot, token)).json()["error"] == "invalid_request"


async def test_only_a_token_of_this_server_can_be_exchanged(
    register: Make, employ: Make, code_for: Any, anyone: httpx.AsyncClient
) -> None:
    app, robot, other = await register(), await employ([EXCHANGE]), await employ([EXCHANGE], "papers")
    mine = (await app.exchange(await code_for(app))).json()
    token = mine["access_token"]
    for changes in (
        {"subject_token": mine["refresh_token"]},
        {"subject_token": token[:-8] + "AAAAAAAA"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"actor_token": token, "actor_token_type": ACCESS},
    ):
        assert (await exchanged(robot, token, **changes)).json()["error"] == "invalid_request", changes
    assert (await exchanged(robot, token, audience=other.resource)).json()["error"] == "invalid_target"
    assert (await exchanged(other, token)).json()["error"] == "invalid_request", "of another organisation"
    deep = token
    for _ in range(3):
        deep = (await exchanged(robot, deep)).json()["access_token"]
    assert (await exchanged(robot, deep)).json()["error"] == "invalid_request"


async def test_metadata_names_a_grant_once_a_client_has_it(
    employ: Make, anyone: httpx.AsyncClient, people: dict[str, str]
) -> None:
    address = "http://127.0.0.1:8080/oauth/notes/.well-known/oauth-authorization-server"
    before = (await anyone.get(address)).json()["grant_types_supported"]
    await employ([CREDENTIALS])
    anyone._transport.app.state.oauth.servers.clear()  # type: ignore[attr-defined]  # as the watch does
    after = (await anyone.get(address)).json()["grant_types_supported"]
    assert set(after) - set(before) == {CREDENTIALS}
