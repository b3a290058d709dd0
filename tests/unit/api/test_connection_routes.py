"""Users' own accounts at servers, at a public address: how we introduce ourselves there, and who may ask."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import text

from gatewayops.api.app import ControlParts
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.accounts import discovery, registration
from gatewayops.upstream.accounts.discovery import SignInPlace
from gatewayops.upstream.accounts.registration import Registered

from .accounts import sign_in, user

PUBLIC = "https://ops.example.com"
ISSUER = "https://as.example"
DOCUMENT, CALLBACK = f"{PUBLIC}/connections/client.json", f"{PUBLIC}/connections/callback"
SERVER = {"name": "notes", "url": "https://mcp.example/mcp", "upstream_auth": "user_oauth"}


class OtherSide:
    """What the server says of where its users sign in, instead of the network."""

    def __init__(self) -> None:
        self.place = SignInPlace(
            resource="https://mcp.example/mcp",
            issuer=ISSUER,
            authorization_endpoint=f"{ISSUER}/authorize?tenant=7",
            token_endpoint=f"{ISSUER}/token",
            registration_endpoint=f"{ISSUER}/register",
            scope="read",
            takes_documents=True,
        )
        self.registrations = 0

    async def discover(self, row: ServerRow, *_: object, **__: object) -> SignInPlace:
        assert row.url == SERVER["url"]
        return self.place

    async def register(self, *_: object, redirect_uri: str, **__: object) -> Registered:
        assert redirect_uri == CALLBACK
        self.registrations += 1
        return Registered(f"us-{self.registrations}", "client_secret_basic", "s3cret-of-ours")


@pytest.fixture
def side(monkeypatch: pytest.MonkeyPatch) -> OtherSide:
    made = OtherSide()
    monkeypatch.setattr(discovery, "discover", made.discover)
    monkeypatch.setattr(registration, "register", made.register)
    return made


@pytest.fixture
def parts(parts: ControlParts) -> ControlParts:
    """An installation at a public address."""
    return replace(parts, address=PUBLIC)


@pytest.fixture
async def leave(admin: httpx.AsyncClient, anyone: httpx.AsyncClient, side: OtherSide) -> Callable[..., Any]:
    """Ada, who is signed in, presses the button: where her browser goes on, and what it says there."""
    assert (await admin.post("/v1/servers", json=SERVER)).status_code == 201
    await user(admin, role="developer")
    headers = {"Origin": PUBLIC, "X-Forwarded-Host": "127.0.0.1:8080", "X-Forwarded-Proto": "http"}
    browser = httpx.AsyncClient(transport=anyone._transport, base_url=PUBLIC, headers=headers)
    assert (await sign_in(browser)).status_code == 200

    async def press() -> dict[str, str]:
        page = await browser.get("/connections/servers/notes")
        form = re.search(r'name="form_token" value="(\w+)"', page.text)
        assert form is not None, page.text
        answer = await browser.post("/connections/servers/notes", data={"form_token": form.group(1)})
        assert answer.status_code == 200, answer.text
        url = answer.headers["refresh"].partition("url=")[2]
        assert url.startswith(f"{ISSUER}/authorize?tenant=7&")
        return dict(parse_qsl(urlsplit(url).query))

    return press


async def test_a_server_that_takes_documents_is_shown_ours(
    leave: Callable[..., Any], anyone: httpx.AsyncClient, side: OtherSide
) -> None:
    asked = await leave()
    assert (asked["client_id"], asked["redirect_uri"]) == (DOCUMENT, CALLBACK)
    assert (asked["resource"], asked["scope"], asked["code_challenge_method"]) == (
        "https://mcp.example/mcp",
        "read",
        "S256",
    )
    document = (await anyone.get("/connections/client.json")).json()
    assert (document["client_id"], document["redirect_uris"]) == (DOCUMENT, [CALLBACK])
    assert side.registrations == 0


async def test_a_server_that_takes_none_registers_us_once_and_the_secret_stays_sealed(
    leave: Callable[..., Any], admin: httpx.AsyncClient, side: OtherSide, parts: ControlParts
) -> None:
    side.place = replace_place(side.place, takes_documents=False)
    assert [(await leave())["client_id"] for _ in range(2)] == ["us-1", "us-1"]
    (told,) = (await admin.get("/v1/servers/notes/upstream-client")).json()["upstream_clients"]
    assert (told["kind"], told["client_id"], told["has_secret"]) == ("dynamic", "us-1", True)
    async with parts.database.reading() as session:
        rows = (await session.execute(text("SELECT * FROM upstream_clients"))).all()
        states = (await session.execute(text("SELECT state_hash FROM upstream_sign_ins"))).all()
    assert "s3cret-of-ours" not in str(rows)
    assert len(states) == 2


async def test_what_was_registered_by_hand_is_used_at_its_issuer_and_no_other(
    leave: Callable[..., Any], admin: httpx.AsyncClient, side: OtherSide
) -> None:
    given = {"issuer": ISSUER, "client_id": "by-hand", "client_secret": "s"}
    assert (await admin.put("/v1/servers/notes/upstream-client", json=given)).status_code == 200
    assert (await leave())["client_id"] == "by-hand"
    side.place = replace_place(side.place, issuer="https://other.example", takes_documents=False)
    assert (await leave())["client_id"] == "us-1"


async def test_another_organisation_sees_and_changes_nothing(
    leave: Callable[..., Any], client_of: Any, anyone: httpx.AsyncClient
) -> None:
    await leave()
    actions = ("connections.own", "connections.read", "connections.write", "servers.read", "servers.write")
    other = await client_of("org_other", *actions)
    assert (await other.get("/v1/connections")).json()["connections"] == []
    for method, path in (
        ("POST", "/v1/servers/notes/connection"),
        ("GET", "/v1/servers/notes/upstream-client"),
        ("DELETE", "/v1/servers/notes/upstream-client?issuer=https://as.example"),
        ("DELETE", "/v1/connections/ua_1"),
    ):
        assert (await other.request(method, path)).status_code == 404, path


def replace_place(place: SignInPlace, **changes: Any) -> SignInPlace:
    """The same with changes."""
    return SignInPlace(**{name: getattr(place, name) for name in place.__struct_fields__} | changes)
