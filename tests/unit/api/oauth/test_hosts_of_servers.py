"""The same OAuth server at a host of its own: what it says and gives is of that host, nothing of the path."""

import dataclasses
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from msgspec import json

from gatewayops.api.parts import ControlParts
from gatewayops.gateway.hosts import inner_path

DOMAIN = "mcp.example.com"
ISSUER = f"https://notes.{DOMAIN}"
FORMS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
WEBP = "UklGRh4AAABXRUJQVlA4TBEAAAAvHcAEAAdQuS60sP+BiOh/AAA="
Register = Callable[..., Awaitable[Any]]


class AsTheGateway(httpx.AsyncBaseTransport):
    """Passes on what comes to a server's own host, as the gateway does."""

    def __init__(self, behind: httpx.AsyncBaseTransport) -> None:
        self.behind = behind

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if not host.endswith(f".{DOMAIN}"):
            return await self.behind.handle_async_request(request)
        headers = {**request.headers, "x-forwarded-host": host}
        url = request.url.copy_with(path=inner_path(host.partition(".")[0], request.url.path))
        passed_on = httpx.Request(request.method, url, headers=headers, content=await request.aread())
        return await self.behind.handle_async_request(passed_on)


@pytest.fixture
def parts(parts: ControlParts) -> ControlParts:
    return dataclasses.replace(parts, public_url="https://gw.example.com", oauth_domain=DOMAIN)


@pytest.fixture
async def at_host(anyone: httpx.AsyncClient, register: Register) -> Any:
    """A client of `notes` that knows it by its own host."""
    app = await register("notes")
    app.http = httpx.AsyncClient(transport=AsTheGateway(anyone._transport))
    app.issuer, app.resource = ISSUER, f"{ISSUER}/mcp"
    return app


@pytest.fixture
def person(browser: Any, anyone: httpx.AsyncClient) -> Any:
    """A browser that goes there."""
    opened = browser("notes")
    opened.client = httpx.AsyncClient(transport=AsTheGateway(anyone._transport))
    opened.issuer = ISSUER
    return opened


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.decode(jws.extract_compact(token.encode()).payload)
    return claims


async def test_metadata_names_the_host_in_every_member(at_host: Any) -> None:
    documents = [(await at_host.http.get(ISSUER + form)).json() for form in FORMS]

    for document in documents:
        addresses = {name: value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))}
        assert document["issuer"] == ISSUER
        assert all(value.startswith(f"{ISSUER}/") for value in addresses.values())
        assert "oauth/notes" not in str(document)
    assert (await at_host.http.get(f"{ISSUER}/jwks")).status_code == 200


async def test_a_person_signs_in_at_the_host_and_the_token_is_for_it(
    at_host: Any, person: Any, seen: Any
) -> None:
    consent = await person.sign_in(await person.go(at_host.authorize_url()))
    answer = seen((await person.submit(consent, decision="allow")).headers["location"])
    told = (await at_host.exchange(answer["code"])).json()
    again = (await at_host.refresh(told["refresh_token"])).json()

    assert str(consent.url).startswith(f"{ISSUER}/consent?")
    assert answer["iss"] == ISSUER
    for token in (told["access_token"], again["access_token"]):
        assert claims_of(token)["iss"] == ISSUER
        assert claims_of(token)["aud"] == f"{ISSUER}/mcp"
    cookies = list(person.client.cookies.jar)
    assert {cookie.domain for cookie in cookies} == {f"notes.{DOMAIN}"}
    assert all(cookie.secure and cookie.name.startswith("__Host-") for cookie in cookies)
    assert not any(cookie.domain_specified for cookie in cookies)


async def test_whoever_leaves_the_host_for_a_provider_comes_back_to_it(
    at_host: Any, person: Any, offer: Callable[..., Awaitable[Any]], github: Any
) -> None:
    github.user["id"], github.emails[0]["email"] = 7, "eve@example.com"
    provider = await offer()

    consent = await person.elsewhere(await person.go(at_host.authorize_url()), "Hub")

    path = f"sign-in/{provider['id']}/callback"
    assert provider["redirect_uris"] == [
        f"https://gw.example.com/oauth/notes/{path}",
        f"{ISSUER}/{path}",
    ]
    assert str(consent.url).startswith(f"{ISSUER}/consent?")
    assert "eve@example.com" in consent.text


async def test_the_resource_of_the_other_form_is_refused(at_host: Any, person: Any, seen: Any) -> None:
    wrong = "https://gw.example.com/v1/mcp/notes"
    answer = await person.client.get(at_host.authorize_url(resource=wrong))

    assert seen(answer.headers["location"])["error"] == "invalid_target"
    assert seen(answer.headers["location"])["iss"] == ISSUER


async def test_a_form_from_a_sibling_s_page_or_the_gateway_s_is_not_ours(at_host: Any, person: Any) -> None:
    consent = await person.sign_in(await person.go(at_host.authorize_url()))
    for origin in (f"https://papers.{DOMAIN}", "https://gw.example.com", f"https://{DOMAIN}", "null"):
        headers = {"Origin": origin}
        answer = await person.client.post(consent.url, data={"decision": "allow"}, headers=headers)

        assert answer.status_code == 403


@pytest.mark.parametrize("host", ["papers.mcp.example.com", "notes.mcp.example.com.evil.example", "evil", ""])
async def test_a_forged_host_never_makes_a_server_speak_for_another(
    anyone: httpx.AsyncClient, people: dict[str, str], host: str
) -> None:
    path = "/oauth/notes/.well-known/oauth-authorization-server"
    told = (await anyone.get(path, headers={"x-forwarded-host": host, "host": host or "x"})).json()

    assert told["issuer"] == "https://gw.example.com/oauth/notes"


async def test_logo_and_mailed_links_are_of_the_host(
    at_host: Any, person: Any, admin: httpx.AsyncClient, anyone: httpx.AsyncClient, tmp_path: Path
) -> None:
    made = await admin.put("/v1/servers/notes/branding/logo", json={"image": WEBP})
    logo = made.json()["branding"]["logo_url"]
    assert logo.startswith(f"{ISSUER}/logo/")
    page = await person.go(at_host.authorize_url())
    assert f'src="{logo.removeprefix(ISSUER)}"' in page.text
    assert (await at_host.http.get(logo)).headers["content-type"] == "image/webp"

    form = await person.go(str(page.url).replace("sign-in", "forgot"))
    await person.submit(form, email="ada@example.com")
    await anyone._transport.app.state.accounts.mail.finish()  # type: ignore[attr-defined]
    (mail,) = (tmp_path / "outbox").glob("*.eml")
    (link,) = re.findall(r"http\S+/reset\?token=\w+", mail.read_text())
    assert link.startswith(f"{ISSUER}/reset?token=")
    assert "Choose a new password" in (await person.go(link)).text
