"""Changes that pages of the dashboard make: by the API's own checks of the browser, and by no others."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gatewayops import web
from gatewayops.api.app import ControlParts
from gatewayops.record.audit.notary import Notary
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.audit.signing import Signer
from gatewayops.web.pages import with_pages

from .accounts import sign_in, user

PUBLIC = "https://ops.example.com"


@pytest.fixture
def parts(parts: ControlParts) -> ControlParts:
    """An installation at a public address, which can sign its audit log."""
    notary = Notary(parts.database, Signer(b"k" * 32), AuditSettings())
    return replace(parts, address=PUBLIC, notary=notary)


@pytest.fixture
async def browser(admin: httpx.AsyncClient, anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser at that address with the dashboard's script, in which an administrator is signed in."""
    with_pages(anyone._transport.app)
    await user(admin, role="admin")
    headers = {"Origin": PUBLIC, "HX-Request": "true"}
    opened = httpx.AsyncClient(transport=anyone._transport, base_url=PUBLIC, headers=headers)
    assert (await sign_in(opened)).status_code == 200
    return opened


async def token_in(browser: httpx.AsyncClient) -> str:
    return str((await browser.get("/v1/auth/session")).json()["form_token"])


async def test_a_form_changes_something_only_from_our_page_with_its_token(browser: httpx.AsyncClient) -> None:
    token = await token_in(browser)
    for origin, given in ((PUBLIC, ""), (PUBLIC, "f" * 64), ("https://evil.example", token), ("null", token)):
        form = {"name": "forged", "form_token": given}
        refused = await browser.post("/you/name", data=form, headers={"Origin": origin})
        assert (origin, refused.status_code) == (origin, 403)
    done = await browser.post("/you/name", data={"name": "Ada L.", "form_token": token})
    assert (done.status_code, done.headers["hx-redirect"]) == (200, "/you")
    assert (await browser.get("/v1/auth/session")).json()["user"]["name"] == "Ada L."


async def test_the_audit_log_is_taken_away_as_a_file(browser: httpx.AsyncClient) -> None:
    form = {"format": "jsonl", "form_token": await token_in(browser)}
    answer = await browser.post("/audit/export", data=form)
    assert (answer.status_code, answer.content[:2]) == (200, b"PK")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == (
        "no-store",
        "application/zip",
    )
    refused = await browser.post("/audit/export", data=form | {"form_token": ""})
    assert (refused.status_code, "form_token" in refused.text) == (403, True)


@pytest.mark.parametrize("path", ["/oauth/tools/", "/oauth/tools/none", "/v1/none", "/internal/none"])
async def test_who_is_at_no_page_of_ours_is_not_asked_to_sign_in_here(
    browser: httpx.AsyncClient, anyone: httpx.AsyncClient, path: str
) -> None:
    headers = {"Accept": "text/html"}
    assert (await anyone.get(path, headers=headers)).status_code == 404
    assert (await anyone.get("/none", headers=headers)).headers["location"] == "/sign-in?return_to=%2Fnone"


def changes() -> Iterator[tuple[str, ast.Call]]:
    """Each call of `rest.send` and `rest.download` in the pages."""
    for path in Path(web.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and called.endswith(("rest.send", "rest.download")):
                yield f"{path.name}:{node.lineno}", node


def test_every_change_carries_the_token_that_the_form_brought() -> None:
    found = list(changes())
    given = {
        where: ast.unparse(next(one.value for one in call.keywords if one.arg == "form_token"))
        for where, call in found
    }
    assert len(given) > 50
    assert {where: text for where, text in given.items() if text != "form['form_token']"} == {}
