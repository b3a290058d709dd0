"""All that one organisation's server gave, tried at each endpoint of another's, by path and forged hosts."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

PUBLIC = "http://127.0.0.1:8080"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
Make = Callable[..., Awaitable[Any]]


def token_requests(ours: dict[str, str], callback: str) -> list[dict[str, str]]:
    """What a client would send to the token endpoint with what it holds."""
    return [
        {"grant_type": "authorization_code", "code": ours["code"], "code_verifier": "v" * 43}
        | {"redirect_uri": callback},
        {"grant_type": "refresh_token", "refresh_token": ours["refresh_token"]},
        {"grant_type": DEVICE, "device_code": ours["device_code"]},
        {"grant_type": EXCHANGE, "subject_token": ours["access_token"], "subject_token_type": ACCESS},
        {"grant_type": "client_credentials"},
    ]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="by path"),
        pytest.param({"Host": "notes.example"}, id="by Host"),
        pytest.param(
            {"X-Forwarded-Host": "notes.example", "X-Forwarded-Proto": "https"}, id="as if by a proxy"
        ),
        pytest.param(
            {"Forwarded": "host=notes.example", "X-Original-URL": "/oauth/notes/token"}, id="rewritten"
        ),
    ],
)
async def test_nothing_of_one_server_is_good_at_any_endpoint_of_another(
    register: Make, employ: Make, code_for: Any, browser: Any, client_of: Any, headers: dict[str, str]
) -> None:
    grants = ["authorization_code", DEVICE]
    notes = await register(token_endpoint_auth_method="client_secret_post", grant_types=grants)
    papers = await register("papers", grant_types=grants)
    robot = await employ([EXCHANGE, "client_credentials"], "papers")
    ours = (await notes.exchange(await code_for(notes))).json()
    ours["code"] = await code_for(notes)
    begun = {"client_id": notes.registered["client_id"], "client_secret": notes.registered["client_secret"]}
    ours |= (await notes.http.post(f"{notes.issuer}/device_authorization", data=begun)).json()
    callback = notes.registered["redirect_uris"][0]

    async def post(path: str, form: dict[str, str], **more: str) -> httpx.Response:
        found: httpx.Response = await notes.http.post(
            f"{papers.issuer}/{path}", data=form, headers=headers | more
        )
        return found

    own = {"client_id": papers.registered["client_id"]}
    employed = {name: robot.registered[name] for name in ("client_id", "client_secret")}
    for form in token_requests(ours, callback):
        assert (await post("token", form | begun)).json()["error"] == "invalid_client", "its client"
        for client in (own, employed) if form["grant_type"] != "client_credentials" else (own,):
            answer = await post("token", form | client)
            assert answer.status_code == 400, (form, answer.text)
            assert "access_token" not in answer.json()
    for path in ("revoke", "introspect", "device_authorization"):
        assert (await post(path, {"token": ours["access_token"]} | begun)).status_code == 401
    for token in (ours["access_token"], ours["refresh_token"]):
        assert (await post("introspect", {"token": token} | employed)).json() == {"active": False}
        assert (await post("revoke", {"token": token} | own)).status_code == 200
    key = await client_of("org_default", "end_users.*")
    bearer = key.headers["authorization"]
    refused = await post("introspect", {"token": ours["access_token"]}, Authorization=bearer)
    assert refused.status_code == 403
    managed = papers.registered["registration_client_uri"]
    mine = {"Authorization": f"Bearer {notes.registered['registration_access_token']}"}
    assert (await notes.http.get(managed, headers=headers | mine)).status_code == 401
    for path in ("/v1/servers/papers/clients", f"/v1/servers/papers/clients/{own['client_id']}"):
        answer = await key.request("GET" if path.endswith("clients") else "DELETE", path, headers=headers)
        assert answer.status_code == 404

    person = browser("papers")
    person.client.headers.update(headers)
    strange = notes.authorize_url().replace("/oauth/notes/", "/oauth/papers/")
    assert "not known here" in (await person.go(strange)).text
    typed = await person.go(f"{papers.issuer}/device?user_code={ours['user_code']}")
    assert "No device waits" in typed.text

    assert (await notes.refresh(ours["refresh_token"])).status_code == 200, "at home all of it is good still"
    assert (await notes.exchange(ours["code"])).status_code == 200
