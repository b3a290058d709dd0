"""Questions of one page share who asks and what the rules say; nobody outside can claim to be of a visit."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import event

from gatewayops.identity.same_visit import SameVisit
from gatewayops.store.control.database import Database
from gatewayops.web.pages import with_pages

from .accounts import bind, sign_in, user

HERE = "http://127.0.0.1:8080"
WHO = "FROM user_sessions"


@pytest.fixture
async def browser(admin: httpx.AsyncClient, anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """In which Ada is signed in, who may do nothing yet."""
    with_pages(anyone._transport.app)
    admin.params = {"ada": (await user(admin))["id"]}
    opened = httpx.AsyncClient(transport=anyone._transport, base_url=HERE, headers={"Origin": HERE})
    assert (await sign_in(opened)).status_code == 200
    return opened


@contextmanager
def looked_up(database: Database) -> Iterator[list[str]]:
    """The statements of the control store meanwhile."""
    seen: list[str] = []

    def note(*told: object) -> None:
        seen.append(str(told[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)


def times(seen: list[str]) -> int:
    """How often somebody looked who asks."""
    return sum(WHO in " ".join(sql.split()) for sql in seen)


def asking(browser: httpx.AsyncClient, visit: object, headers: dict[str, str] | None = None):
    """The browser, with this in the scope of each request, as only code in the process can put it there."""
    app = browser._transport.app

    async def with_visit(scope, receive, send):
        more = visit.in_scope() if isinstance(visit, SameVisit) else {"gatewayops.same_visit": visit}
        await app(scope | more, receive, send)

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(with_visit),
        base_url=HERE,
        cookies=browser.cookies,
        headers={"Origin": HERE} | (headers or {}),
    )


async def test_a_page_looks_up_once_who_asks_and_the_next_page_again(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, database: Database
) -> None:
    binding = await bind(admin, "admin", admin.params["ada"])
    with looked_up(database) as seen:
        page = await browser.get("/roles")
    assert (page.status_code, times(seen)) == (200, 1)

    assert (await admin.delete(binding)).status_code == 204
    assert (await browser.get("/roles")).status_code == 403

    (session,) = (await browser.get("/v1/auth/sessions")).json()["sessions"]
    assert (await admin.delete(f"/v1/auth/sessions/{session['id']}")).status_code == 204
    assert (await browser.get("/roles")).headers["location"].startswith("/sign-in")


async def test_each_question_of_a_visit_is_authorised_by_itself(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    await bind(admin, "viewer", admin.params["ada"])
    ada = asking(browser, SameVisit())

    assert (await ada.get("/v1/auth/session")).status_code == 200
    assert (await ada.get("/v1/servers")).status_code == 200
    assert (await ada.get("/v1/auth/sessions", params={"user": "ada@example.com"})).status_code == 403


async def test_a_change_is_never_in_the_name_of_whom_a_visit_knows(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    ada = asking(browser, SameVisit())
    me = (await ada.get("/v1/auth/session")).json()
    assert (await admin.delete(f"/v1/auth/sessions/{me['session']['id']}")).status_code == 204

    changed = await ada.put(
        "/v1/auth/name", json={"name": "x"}, headers={"X-GatewayOps-Token": me["form_token"]}
    )

    assert (await ada.get("/v1/auth/session")).status_code == 200  # a moment ago
    assert changed.status_code == 401


async def test_a_visit_knows_nobody_but_whose_token_it_saw(browser: httpx.AsyncClient) -> None:
    visit = SameVisit()
    assert (await asking(browser, visit).get("/v1/auth/session")).status_code == 200
    other = asking(browser, visit)
    other.cookies.clear()
    other.cookies.set("gatewayops-on-loopback", "gws_" + "x" * 43)

    assert (await other.get("/v1/auth/session")).status_code == 401


@pytest.mark.parametrize(
    "claimed",
    [
        pytest.param("gws_", id="text"),
        pytest.param({"known": "ada"}, id="JSON"),
        pytest.param(None, id="none"),
    ],
)
async def test_what_is_no_visit_of_ours_is_none(
    browser: httpx.AsyncClient, database: Database, claimed
) -> None:
    headers = {"gatewayops.same_visit": "1", "X-GatewayOps-Same-Visit": "1"}
    ada = asking(browser, claimed, headers)
    with looked_up(database) as seen:
        for _ in range(2):
            assert (
                await ada.get("/v1/auth/session", params={"gatewayops.same_visit": "1"})
            ).status_code == 200

    assert times(seen) == 2
