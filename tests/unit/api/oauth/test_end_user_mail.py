"""End users show by mail that an address is theirs, and choose a new password; what others try with it."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest

PUBLIC = "http://127.0.0.1:8080"
EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
BOB, BOBS, NEW = "bob@example.com", "a long one of bob", "another long one"
LINK = re.compile(r"http://\S+\?token=gwo_el_\w+")


@pytest.fixture
def post(anyone: httpx.AsyncClient, tmp_path: Path) -> Callable[[], Awaitable[list[Any]]]:
    """All mail that was sent: what came since it was read last is at the end."""
    paths: dict[Path, None] = {}

    async def read() -> list[Any]:
        await anyone._transport.app.state.accounts.mail.finish()  # type: ignore[attr-defined]
        paths.update(dict.fromkeys((tmp_path / "outbox").glob("*.eml")))
        return [message_from_bytes(path.read_bytes(), policy=default) for path in paths]

    return read


@pytest.fixture
async def open_notes(register: Any, alter: Any) -> Any:
    """An app of `notes`, where people may make accounts."""
    app = await register()
    await alter("UPDATE mcp_servers SET allows_sign_up = true")
    return app


def link_in(mail: Any) -> str:
    (link,) = LINK.findall(mail.get_content())
    return str(link)


async def sign_up(person: Any, app: Any, email: str = BOB, password: str = BOBS) -> httpx.Response:
    page = await person.go(app.authorize_url())
    form = await person.go(str(page.url).replace("sign-in", "sign-up"))
    return await person.submit(form, email=email, password=password)


async def forgot(person: Any, app: Any, email: str) -> httpx.Response:
    return await person.submit(await person.go(f"{app.issuer}/forgot"), email=email)


async def choose(person: Any, link: str, password: str = NEW) -> httpx.Response:
    return await person.submit(await person.go(link), password=password)


async def test_who_signs_up_gets_in_once_the_address_is_shown_to_be_theirs(
    open_notes: Any, browser: Any, post: Any, seen: Any, admin: httpx.AsyncClient
) -> None:
    person = browser()
    told = await sign_up(person, open_notes)
    assert "Look into your mail" in told.text
    assert "set-cookie" not in told.headers
    (first,) = await post()
    again = await person.submit(await person.go(open_notes.authorize_url()), email=BOB, password=BOBS)
    assert "Look into your mail" in again.text  # the right password, but not yet

    _, mail = await post()
    assert (mail["To"], mail["Subject"]) == (BOB, "Confirm your address: notes")
    assert "No such link" in (await person.go(link_in(first))).text  # the newer one counts
    await person.go(link_in(mail))  # as a scanner of mail would
    consent = await person.submit(await person.go(link_in(mail)), password=BOBS)
    assert "Allow access?" in consent.text
    answer = await person.submit(consent, decision="allow")
    assert (await open_notes.exchange(seen(answer.headers["location"])["code"])).status_code == 200
    assert "No such link" in (await person.go(link_in(mail))).text
    (user,) = (await admin.get("/v1/end-users", params={"email": BOB})).json()["end_users"]
    assert user["email_verified"] is True


async def test_a_link_read_elsewhere_confirms_the_address_and_signs_in_nobody(
    open_notes: Any, browser: Any, post: Any
) -> None:
    await sign_up(browser(), open_notes)
    (mail,) = await post()
    telephone = browser()
    done = await telephone.submit(await telephone.go(link_in(mail)), password=BOBS)
    assert "Your address is confirmed" in done.text
    assert not telephone.client.cookies
    person = browser()
    page = await person.go(open_notes.authorize_url())
    assert "Allow access?" in (await person.submit(page, email=BOB, password=BOBS)).text


async def test_a_link_of_before_is_answered_by_a_page_where_passwords_were_switched_off(
    open_notes: Any, browser: Any, post: Any, admin: httpx.AsyncClient
) -> None:
    person = browser()
    await sign_up(person, open_notes)
    (mail,) = await post()
    assert (await admin.patch("/v1/servers/notes", json={"offers_password": False})).status_code == 200
    for address in (link_in(mail), f"{open_notes.issuer}/forgot"):
        told = await person.go(address)
        assert (told.status_code, "takes no passwords now" in told.text) == (404, True)
        assert told.headers["content-type"].startswith("text/html")


async def test_who_made_an_account_with_anothers_address_does_not_get_in_by_the_others_click(
    open_notes: Any, browser: Any, post: Any
) -> None:
    """Account pre-hijacking: the victim follows the link, but knows no password."""
    attacker, victim = browser(), browser()
    await sign_up(attacker, open_notes, password="known to the attacker")
    (mail,) = await post()
    page = await victim.go(link_in(mail))
    assert "close this page" in page.text
    assert "is wrong" in (await victim.submit(page, password="what could it be")).text

    await sign_up(victim, open_notes)  # wants an account of their own
    mail = (await post())[-1]
    assert mail["Subject"] == "You have an account: notes"
    await choose(victim, link_in(mail), BOBS)
    page = await attacker.go(open_notes.authorize_url())
    refused = await attacker.submit(page, email=BOB, password="known to the attacker")
    assert "is wrong" in refused.text
    page = await victim.go(open_notes.authorize_url())
    assert "Allow access?" in (await victim.submit(page, email=BOB, password=BOBS)).text


async def test_a_new_password_ends_sessions_and_tokens_of_before(
    register: Any, browser: Any, post: Any, seen: Any, database: Any
) -> None:
    app, person = await register(), browser()
    consent = await person.sign_in(await person.go(app.authorize_url()))
    answer = await person.submit(consent, decision="allow")
    held = (await app.exchange(seen(answer.headers["location"])["code"])).json()
    thief = browser()
    thief.client.cookies = httpx.Cookies(person.client.cookies)

    assert "Look into your mail" in (await forgot(person, app, EMAIL)).text
    (mail,) = await post()
    page = await person.go(link_in(mail))
    assert "10 to 256" in (await person.submit(page, password="short")).text
    assert "Your new password is set" in (await person.submit(page, password=NEW)).text

    assert "No such link" in (await choose(person, link_in(mail), "yet another one")).text
    assert (await app.refresh(held["refresh_token"])).json()["error"] == "invalid_grant"
    assert "Sign in" in (await thief.go(app.authorize_url())).text
    page = await person.go(app.authorize_url())
    assert "is wrong" in (await person.sign_in(page)).text
    assert "Allow access?" in (await person.submit(page, email=EMAIL, password=NEW)).text


async def test_who_forgot_the_password_goes_on_where_they_began(
    register: Any, browser: Any, post: Any
) -> None:
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    form = await person.go(str(page.url).replace("sign-in", "forgot"))
    await person.submit(form, email=EMAIL)
    (mail,) = await post()
    done = await choose(person, link_in(mail))
    (onward,) = re.findall(r'href="([^"]+/sign-in\?request=[^"]+)"', done.text)
    page = await person.go(onward)
    assert "Allow access?" in (await person.submit(page, email=EMAIL, password=NEW)).text


async def test_nobody_learns_whether_an_address_is_known(
    open_notes: Any, browser: Any, post: Any, anyone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords, hashed = anyone._transport.app.state.oauth.passwords, []  # type: ignore[attr-defined]
    hash_ = passwords.hash

    async def counted(password: str) -> str:
        hashed.append(password)
        return str(await hash_(password))

    monkeypatch.setattr(passwords, "hash", counted)
    told = {}
    for email in (EMAIL, BOB):
        asked, made = await forgot(browser(), open_notes, email), await sign_up(browser(), open_notes, email)
        told[email] = [(one.status_code, one.text.replace(email, "")) for one in (asked, made)]
        told[email].append(sorted(set(made.headers) | set(asked.headers)))
    assert told[EMAIL] == told[BOB]
    assert hashed == [BOBS, BOBS]
    mails = sorted((mail["To"], mail["Subject"].partition(":")[0]) for mail in await post())
    assert mails == [
        (EMAIL, "A new password"),
        (EMAIL, "You have an account"),
        (BOB, "Confirm your address"),
    ]


async def test_the_audit_log_says_that_a_link_was_mailed_and_what_came_of_it_and_not_the_link(
    register: Any, browser: Any, post: Any, admin: httpx.AsyncClient
) -> None:
    app, person = await register(), browser()
    await forgot(person, app, EMAIL)
    (mail,) = await post()
    await choose(person, link_in(mail))
    told = (await admin.get("/v1/logs/audit")).json()["entries"]
    made = next(entry for entry in told if entry["action"] == "end_user_link.created")
    assert made["actor"]["kind"] == "unknown"
    assert (made["after"]["email"], made["after"]["hash"]) == (EMAIL, "set")
    changed = next(entry for entry in told if entry["action"] == "end_user.changed")
    assert (changed["actor"]["kind"], changed["actor"]["name"]) == ("end_user", EMAIL)
    assert changed["after"]["password_hash"] == "changed"
    assert link_in(mail).partition("token=")[2] not in str(told)


async def test_nobodys_mailbox_is_flooded(register: Any, browser: Any, post: Any) -> None:
    app, person = await register(), browser()
    for email in (EMAIL, "nobody@example.com"):
        for _ in range(3):
            assert (await forgot(person, app, email)).status_code == 200
        assert "Too many attempts" in (await forgot(browser(), app, email.upper())).text
    assert [mail["To"] for mail in await post()] == [EMAIL] * 3


async def test_a_link_is_good_at_its_own_server_only(
    register: Any, browser: Any, post: Any, client_of: Any
) -> None:
    app, person, papers = await register(), browser(), browser("papers")
    await forgot(person, app, EMAIL)
    (mail,) = await post()
    elsewhere = link_in(mail).replace("/notes/", "/papers/")
    assert (await papers.go(elsewhere)).status_code == 404
    for address in (elsewhere, link_in(mail).replace("/reset", "/verify")):
        headers = {"Origin": PUBLIC}
        form = {"token": address.partition("token=")[2], "password": NEW}
        assert (await papers.client.post(address, data=form, headers=headers)).status_code == 404
    assert "Choose a new password" in (await person.go(link_in(mail))).text


async def test_of_two_who_come_at_once_with_a_link_one_wins(register: Any, browser: Any, post: Any) -> None:
    app = await register()
    await forgot(browser(), app, EMAIL)
    (mail,) = await post()
    people = [browser() for _ in range(4)]
    pages = [await person.go(link_in(mail)) for person in people]
    done = await asyncio.gather(
        *(one.submit(page, password=NEW) for one, page in zip(people, pages, strict=True))
    )
    assert sorted(answer.status_code for answer in done) == [200, 404, 404, 404]


async def test_a_new_link_or_password_ends_the_links_of_before(
    register: Any, browser: Any, post: Any, admin: httpx.AsyncClient, people: dict[str, str]
) -> None:
    app, person = await register(), browser()
    await forgot(person, app, EMAIL)
    await post()
    await forgot(person, app, EMAIL)
    older, newer = map(link_in, await post())
    assert "No such link" in (await person.go(older)).text
    mine = f"/v1/end-users/{people['org_default']}"
    await admin.patch(mine, json={"password": NEW})
    assert "No such link" in (await person.go(newer)).text
    await forgot(person, app, EMAIL)
    last = link_in((await post())[-1])
    await admin.patch(mine, json={"enabled": False})
    assert "No such link" in (await person.go(last)).text


async def test_a_link_leads_to_our_own_address_whatever_host_the_request_names(
    register: Any, anyone: httpx.AsyncClient, post: Any
) -> None:
    app = await register()
    headers = {"Origin": PUBLIC, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    await anyone.post(f"{app.issuer}/forgot", data={"email": EMAIL}, headers=headers)
    (mail,) = await post()
    assert link_in(mail).startswith(f"{PUBLIC}/oauth/notes/reset?")
    assert "evil" not in mail.as_string()


async def test_a_page_elsewhere_sends_no_form_of_ours(register: Any, browser: Any) -> None:
    app, person = await register(), browser()
    form = {"email": EMAIL, "token": "x", "password": NEW}
    for page in ("forgot", "reset", "verify"):
        for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = await person.client.post(f"{app.issuer}/{page}", data=form, headers=headers)
            assert answer.status_code == 403


async def test_an_address_that_means_something_else_in_a_mails_head_is_refused(
    open_notes: Any, browser: Any, post: Any
) -> None:
    odd = (
        "a,b@example.com",
        '"@example.com',
        "<a@example.com>",
        "a@b@c.example",
        "a@b\u202e.example",
        "a @b.c",
    )
    for email in odd:
        for ask in (forgot, sign_up):
            answer = await ask(browser(), open_notes, email)
            assert answer.status_code == 400
            assert "an address such as ada@example.com" in answer.text
    assert await post() == []


async def test_the_operator_vouches_for_addresses_or_lets_in_unverified_ones(
    register: Any, browser: Any, alter: Any, admin: httpx.AsyncClient
) -> None:
    app = await register()
    body = {"email": BOB, "password": BOBS, "email_verified": False}
    made = (await admin.post("/v1/end-users", json=body)).json()["end_user"]

    async def signs_in() -> bool:
        person = browser()
        page = await person.go(app.authorize_url())
        return "Allow access?" in (await person.submit(page, email=BOB, password=BOBS)).text

    assert not await signs_in()
    await alter("UPDATE mcp_servers SET requires_verified_email = false WHERE slug = 'notes'")
    assert await signs_in()
    await alter("UPDATE mcp_servers SET requires_verified_email = true WHERE slug = 'notes'")
    assert not await signs_in()
    vouched = await admin.patch(f"/v1/end-users/{made['id']}", json={"email_verified": True})
    assert vouched.json()["end_user"]["email_verified"] is True
    assert await signs_in()
