"""Two protected servers of two organisations, a client that registers, and people with browsers."""

import base64
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text

from gatewayops.api.oauth_state import OAuthState
from gatewayops.store.control import end_users, servers
from gatewayops.store.control.database import Database
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.testing.fake_github import CLIENT_ID, CLIENT_SECRET, FakeGitHub, fake_github

PUBLIC = "http://127.0.0.1:8080"
EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
SCOPES = '["notes.read", "notes.write"]'
NO_ROOTS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # for http; reading certificates takes long
CALLBACK = "https://client.example/callback"


class Browser:
    """A person's browser: keeps cookies, follows our own redirects, and shows where it was sent at last."""

    def __init__(self, transport: Any, slug: str) -> None:
        self.client = httpx.AsyncClient(transport=transport, base_url=PUBLIC)
        self.issuer = f"{PUBLIC}/oauth/{slug}"

    async def go(self, url: str) -> httpx.Response:
        answer = await self.client.get(url)
        while answer.is_redirect and answer.headers["location"].startswith(self.issuer):
            answer = await self.client.get(answer.headers["location"])
        return answer

    async def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        headers = {"Origin": f"{page.url.scheme}://{page.url.netloc.decode()}"}
        answer = await self.client.post(page.url, data=hidden | fields, headers=headers)
        if answer.is_redirect and answer.headers["location"].startswith(self.issuer):
            return await self.go(answer.headers["location"])
        return answer

    async def sign_in(self, page: httpx.Response) -> httpx.Response:
        return await self.submit(page, email=EMAIL, password=PASSWORD)

    async def leave(self, page: httpx.Response, button: str) -> httpx.Response:
        """Presses the button of a sign-in page that says so; what is answered."""
        forms = re.findall(r'<form method="post" action="([^"]*)">(.*?)</form>', page.text, re.DOTALL)
        (found,) = [(url, form) for url, form in forms if f"Continue with {button}<" in form]
        hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', found[1]))
        headers = {"Origin": f"{page.url.scheme}://{page.url.netloc.decode()}"}
        return await self.client.post(found[0], data=hidden, headers=headers)

    async def away(self, page: httpx.Response, button: str) -> str:
        """Signs in at the provider; the address to which it sends the browser back."""
        left = await self.leave(page, button)
        assert left.status_code == 303, left.text
        async with httpx.AsyncClient(verify=NO_ROOTS) as outside:
            return (await outside.get(left.headers["location"])).headers["location"]

    async def elsewhere(self, page: httpx.Response, button: str) -> httpx.Response:
        """All the way, out and back."""
        return await self.go(await self.away(page, button))


class App:
    """A client of one server, as an MCP client would be."""

    def __init__(self, http: httpx.AsyncClient, slug: str, registered: dict[str, Any]) -> None:
        self.http, self.slug, self.registered = http, slug, registered
        self.issuer, self.resource = f"{PUBLIC}/oauth/{slug}", f"{PUBLIC}/v1/mcp/{slug}"

    def authorize_url(self, **changes: str | None) -> str:
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.registered["client_id"],
            "redirect_uri": self.registered["redirect_uris"][0],
            "state": "s t/1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "resource": self.resource,
        }
        given = {name: value for name, value in (query | changes).items() if value is not None}
        return str(httpx.URL(f"{self.issuer}/authorize", params=given))

    async def token(self, issuer: str = "", **form: str) -> httpx.Response:
        fields = {"client_id": self.registered["client_id"]}
        if "client_secret" in self.registered:
            fields["client_secret"] = self.registered["client_secret"]
        return await self.http.post(f"{issuer or self.issuer}/token", data=fields | form)

    async def exchange(self, code: str, issuer: str = "", **changes: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        return await self.token(
            issuer, **form | {"redirect_uri": self.registered["redirect_uris"][0]} | changes
        )

    async def refresh(self, token: str, issuer: str = "", **changes: str) -> httpx.Response:
        return await self.token(issuer, **{"grant_type": "refresh_token", "refresh_token": token} | changes)


def answered(location: str) -> dict[str, str]:
    """What a redirect to the client tells it."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
async def protected(database: Database) -> None:
    """`notes` of org_default and `papers` of org_other, both with ada@example.com as an end user."""
    for org_id, name in (("org_default", "notes"), ("org_other", "papers")):
        spec = ServerSpec(
            name=name,
            url="http://127.0.0.1:9",
            timeout_s=5,
            connect_timeout_s=5,
            retries=0,
            max_in_flight=10,
            allows_private=True,
        )
        async with database.session() as session:
            await servers.add(
                session, org_id=org_id, server_id=servers.new_server_id(), spec=spec, headers=Headers()
            )
            await session.execute(text("UPDATE mcp_servers SET auth = 'platform_oauth'"))
            await session.execute(text("UPDATE mcp_servers SET oauth_scopes = :them"), {"them": SCOPES})


@pytest.fixture
async def people(database: Database, protected: None, anyone: httpx.AsyncClient) -> dict[str, str]:
    """The ids of ada@example.com, by organisation."""
    state = anyone._transport.app.state.oauth  # type: ignore[attr-defined]
    assert isinstance(state, OAuthState)
    hashed, ids = await state.passwords.hash(PASSWORD), {}
    for org_id in ("org_default", "org_other"):
        async with database.session() as session:
            user = await end_users.add(
                session, org_id=org_id, email=EMAIL, name="Ada", password_hash=hashed, is_verified=True
            )
            ids[org_id] = user.id
    return ids


@pytest.fixture
def register(anyone: httpx.AsyncClient, people: dict[str, str]) -> Callable[..., Awaitable[App]]:
    """Registers a client: `await register("notes", token_endpoint_auth_method="none")`."""

    async def make(slug: str = "notes", **changes: Any) -> App:
        body = {"client_name": "Notebook", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
        answer = await anyone.post(f"{PUBLIC}/oauth/{slug}/register", json=body | changes)
        assert answer.status_code == 201, answer.text
        return App(anyone, slug, answer.json())

    return make


@pytest.fixture
async def browser(anyone: httpx.AsyncClient) -> AsyncIterator[Callable[..., Browser]]:
    """Opens a new browser without cookies."""
    opened: list[Browser] = []

    def open_(slug: str = "notes") -> Browser:
        opened.append(Browser(anyone._transport, slug))
        return opened[-1]

    yield open_
    for one in opened:
        await one.client.aclose()


@pytest.fixture
def code_for(browser: Callable[..., Browser]) -> Callable[[App], Awaitable[str]]:
    """Has a person sign in and allow the app; gives back the code."""

    async def get(app: App) -> str:
        person = browser(app.slug)
        consent = await person.sign_in(await person.go(app.authorize_url()))
        answer = await person.submit(consent, decision="allow")
        return answered(answer.headers["location"])["code"]

    return get


@pytest.fixture
def alter(database: Database, anyone: httpx.AsyncClient) -> Callable[[str], Awaitable[None]]:
    """Changes a server past REST, with what the watch would notice a moment later."""

    async def do(statement: str) -> None:
        async with database.session() as session:
            await session.execute(text(statement))
        anyone._transport.app.state.oauth.servers.clear()  # type: ignore[attr-defined]

    return do


@pytest.fixture
def seen() -> Callable[[str], dict[str, str]]:
    """What a redirect to the client tells it."""
    return answered


@pytest.fixture
def employ(
    anyone: httpx.AsyncClient, people: dict[str, str], client_of: Any
) -> Callable[..., Awaitable[App]]:
    """Registers a client as the operator does: `await employ(["client_credentials"])`."""

    async def make(grant_types: list[str], slug: str = "notes", **changes: Any) -> App:
        operator = await client_of("org_default" if slug == "notes" else "org_other", "end_users.write")
        body = {"name": "Robot", "grant_types": grant_types} | changes
        answer = await operator.post(f"/v1/servers/{slug}/clients", json=body)
        assert answer.status_code == 201, answer.text
        made = answer.json()["client"]
        told = {"client_id": made["client_id"], "redirect_uris": made["redirect_uris"]}
        return App(anyone, slug, told | ({"client_secret": made["secret"]} if made["secret"] else {}))

    return make


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """Where ada@example.com has an account, number 583231."""
    with fake_github() as running:
        yield running


@pytest.fixture
def corp() -> Iterator[FakeGitHub]:
    """Another provider, with accounts of its own."""
    with fake_github() as running:
        yield running


@pytest.fixture
def offer(
    admin: httpx.AsyncClient, github: FakeGitHub, people: dict[str, str]
) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Lets people sign in to `notes` by it: `await offer("Hub", allows_sign_up=True)`."""

    async def add(name: str = "Hub", at: FakeGitHub = github, **changes: Any) -> dict[str, Any]:
        body = {"name": name, "kind": "github", "issuer": at.url, "allow_private_network": True}
        body |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "allows_sign_up": True}
        made = await admin.post("/v1/servers/notes/sign-in-providers", json=body | changes)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()["sign_in_provider"]
        return found

    return add
