"""The organisation's directory and prices over REST, the pages, and the form of errors."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gatewayops.api.app import ControlParts

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

PRICE = {"per_call": 0.01, "per_token_input": 0.00006, "per_token_output": 0.00012}


async def test_a_price_comes_back_in_the_dollars_given(admin: httpx.AsyncClient) -> None:
    made = await admin.put("/v1/prices", json={"server": "database", **PRICE})
    assert made.status_code == 200
    price = made.json()["price"]
    assert price == {"id": price["id"], "server": "database", "tool": "", **PRICE}
    again = await admin.put("/v1/prices", json={"server": "database", **PRICE, "per_call": 0})
    assert again.json()["price"]["id"] == price["id"]
    listed = (await admin.get("/v1/prices")).json()["prices"]
    assert [(row["server"], row["per_call"]) for row in listed] == [("database", 0.0), ("", 0.001)]
    assert (await admin.delete(f"/v1/prices/{price['id']}")).status_code == 204
    assert (await admin.delete(f"/v1/prices/{price['id']}")).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"per_call": 0.0000001},
        {"per_call": -1},
        {"per_token_input": 1e-13},
        {"per_call": "NaN"},
        {"per_call": 1e30},
        {"per_call": None},
    ],
)
async def test_a_price_that_cannot_be_kept_exactly_is_refused(
    admin: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    answer = await admin.put("/v1/prices", json={**PRICE, **change})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(next(iter(change)))


async def test_the_directory_lists_what_was_added(admin: httpx.AsyncClient) -> None:
    top = (await admin.post("/v1/teams", json={"name": "engineering"})).json()["team"]
    below = (await admin.post("/v1/teams", json={"name": "platform", "parent": "engineering"})).json()["team"]
    assert (top["parent_id"], below["parent_id"]) == (None, top["id"])
    await admin.post("/v1/projects", json={"name": "review", "team": top["id"]})
    await admin.post("/v1/users", json={"email": "ada@example.com", "name": "Ada"})
    assert [team["name"] for team in (await admin.get("/v1/teams")).json()["teams"]] == [
        "platform",
        "engineering",
    ]
    assert (await admin.get("/v1/projects")).json()["projects"][0]["team_id"] == top["id"]
    assert (await admin.get("/v1/users")).json()["users"][0]["name"] == "Ada"
    assert (await admin.post("/v1/teams", json={"name": "platform"})).status_code == 409
    assert (await admin.post("/v1/users", json={"email": "nobody"})).status_code == 400


async def test_organisations_are_apart(admin: httpx.AsyncClient, client_of: ClientMaker) -> None:
    team = (await admin.post("/v1/teams", json={"name": "engineering"})).json()["team"]
    price = (await admin.put("/v1/prices", json={"server": "database", **PRICE})).json()["price"]
    other = await client_of("org_other", "*")
    assert (await other.get("/v1/organization")).json()["organization"]["id"] == "org_other"
    assert (await other.get("/v1/teams")).json()["teams"] == []
    asked = {"id": [team["id"], "team_gone"]}
    assert (await admin.get("/v1/names", params=asked)).json() == {"names": {team["id"]: "engineering"}}
    assert (await other.get("/v1/names", params=asked)).json() == {"names": {}}
    assert (await other.post("/v1/projects", json={"name": "p", "team": team["id"]})).status_code == 400
    assert (await other.delete(f"/v1/prices/{price['id']}")).status_code == 404
    await other.patch("/v1/organization", json={"masks_contacts": True, "name": "Others"})
    assert (await other.get("/v1/organization")).json()["organization"]["name"] == "Others"
    ours = (await admin.get("/v1/organization")).json()["organization"]
    assert (ours["masks_contacts"], ours["name"]) == (False, "Default organisation")


async def test_reading_does_not_mean_writing(client_of: ClientMaker) -> None:
    reader = await client_of("org_default", "keys.read", "servers.read", "prices.read", "directory.read")
    for method, path, body in (
        ("POST", "/v1/auth/keys", {"name": "x"}),
        ("POST", "/v1/servers", {"name": "x", "url": "https://93.184.215.14"}),
        ("PUT", "/v1/prices", PRICE),
        ("POST", "/v1/teams", {"name": "x"}),
        ("POST", "/v1/projects", {"name": "x"}),
        ("POST", "/v1/users", {"email": "x@y.z"}),
        ("PATCH", "/v1/organization", {"masks_contacts": True}),
    ):
        assert (await reader.request(method, path, json=body)).status_code == 403


async def test_every_error_has_the_same_form(admin: httpx.AsyncClient) -> None:
    json = {"Content-Type": "application/json"}
    answers = {
        400: await admin.post("/v1/teams", content=b"{", headers=json),
        404: await admin.get("/v1/nothing"),
        405: await admin.patch("/v1/teams"),
        413: await admin.post("/v1/teams", content=b'"' + b"x" * (1 << 20) + b'"', headers=json),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "reason", "message"}
    assert answers[400].json()["reason"] == "malformed_json"
    assert answers[405].headers["allow"]
    form = await admin.post("/v1/teams", content=b"name=x")
    assert "application/json" in form.json()["message"]


async def test_a_fault_of_ours_is_answered_without_its_details(
    admin: httpx.AsyncClient, parts: ControlParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (await admin.post("/v1/auth/keys", json={"name": "agent"})).json()["key"]
    monkeypatch.setattr(parts.telemetry, "fault", RuntimeError("where it hurts"))
    monkeypatch.setattr(admin._transport, "raise_app_exceptions", False)
    answer = await admin.get(f"/v1/auth/keys/{key['id']}")
    assert answer.status_code == 500
    assert answer.json()["error"] == answer.json()["reason"] == "internal"
    assert "hurts" not in answer.text


async def test_the_reference_needs_no_key_and_loads_nothing_from_elsewhere(anyone: httpx.AsyncClient) -> None:
    page = await anyone.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<script(?! src=\"/static/theme.js\">)|https?://", page.text)
    assert "/v1/auth/keys/{key_id}/rotate" in page.text


async def test_the_openapi_document_lists_the_public_routes_only(anyone: httpx.AsyncClient) -> None:
    document = (await anyone.get("/v1/openapi.json")).json()
    assert {"/v1/auth/keys", "/v1/servers/{server}/test", "/v1/prices", "/v1/organization"} <= set(
        document["paths"]
    )
    assert not any(path.startswith("/internal") for path in document["paths"])
    assert document["components"]["securitySchemes"]["API key"]["scheme"] == "bearer"
