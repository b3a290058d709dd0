"""Keys, people and roles in the dashboard: the tasks of whoever runs an installation, by hand."""

import re
import shlex
from itertools import pairwise

import httpx
import pytest
from playwright.sync_api import expect

EVE, WORDS = "eve@example.com", "five quite different words here"


def as_sent(curl):
    """The answer to a line for curl, as it stands on the page."""
    words = shlex.split(curl.replace("\\\n", " "))
    given = {"-H": [], "-d": [""]}
    for flag, value in pairwise(words):
        if flag in given:
            given[flag].append(value)
    headers = dict(header.split(": ", 1) for header in given["-H"])
    url = next(word for word in words if word.startswith("http"))
    return httpx.post(url, headers=headers, content=given["-d"][-1], timeout=30)


def made_key(page, name):
    """Makes a key by the form; its secret and the line for curl, which are shown once."""
    page.goto("/keys/new")
    page.get_by_label(re.compile("^Name")).fill(name)
    page.get_by_label("demo").check()
    page.get_by_role("button", name="Make the key").click()
    shown = page.get_by_role("region", name=f"The secret of {name}")
    secret = shown.locator("code").first.inner_text()
    return secret, shown.locator("pre").first.inner_text()


def status_of(secret, url):
    """What the gateway answers to a list of tools with this secret."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.post(f"{url}/v1/mcp/demo/tools/list", json={}, headers=headers, timeout=30).status_code


@pytest.fixture(scope="module")
def eve(browsing, installation):
    """Invited by the administrator as a viewer; her window, signed in."""
    with browsing.person() as ada:
        page = ada.open("/people")
        page.get_by_text("Invite somebody").click()
        page.get_by_label("E-mail address").fill(EVE)
        page.get_by_label("Role").select_option(label="viewer")
        page.get_by_role("button", name="Send the invitation").click()
        expect(page.get_by_role("status")).to_contain_text(f"Invitation for {EVE}")
    (mail,) = (installation.data / "outbox").glob("link_*.eml")
    link = re.search(r"/invitation\?token=\w+", mail.read_text()).group()
    with browsing.person(is_known=False) as person:
        page = person.open(link)
        page.get_by_label("Name").fill("Eve")
        page.get_by_label(re.compile("Password")).fill(WORDS)
        page.get_by_role("button", name="Accept").click()
        page.wait_for_url("**/")
        yield person
        person.check_quiet()


def test_a_key_is_made_and_its_first_call_goes_through_as_the_page_says(ada, installation):
    page = ada.open("/keys")
    page.get_by_role("link", name="New key").click()
    secret, curl = made_key(page, "first-steps")
    answer = as_sent(curl)
    assert answer.status_code == 200, answer.text
    assert "echo" in {tool["name"] for tool in answer.json()["result"]["tools"]}

    page.goto("/keys?query=first-steps")
    expect(page.get_by_role("row").filter(has_text="first-steps")).to_contain_text("active")
    assert secret not in page.content()


def test_a_key_is_rotated_without_a_gap_and_revoked_by_its_name(ada, installation, eventually):
    page = ada.open("/keys/new")
    old, _ = made_key(page, "nightly")
    page.get_by_role("link", name="To the key").click()
    page.get_by_role("button", name="Rotate").click()
    shown = page.get_by_role("region", name="The new secret of nightly")
    new = shown.locator("code").first.inner_text()
    assert new != old
    eventually(lambda: [status_of(secret, installation.url) for secret in (old, new)] == [200, 200])

    page.get_by_text("Revoke this key").first.click()
    page.get_by_label("Type nightly to confirm").fill("daily")
    page.get_by_role("button", name="Revoke this key").click()
    expect(page.get_by_text("type nightly to confirm; nothing was changed")).to_be_visible()
    ada.complaints.clear()  # the browser names each refusal
    page.get_by_label("Type nightly to confirm").fill("nightly")
    page.get_by_role("button", name="Revoke this key").click()
    expect(page.get_by_role("status")).to_contain_text("Key nightly revoked")
    eventually(lambda: status_of(new, installation.url) == 401)


def test_a_viewer_sees_no_button_and_what_they_send_all_the_same_is_refused(eve, installation):
    page = eve.open("/keys")
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    expect(page.get_by_role("link", name="New key")).to_have_count(0)
    page.goto("/people")
    expect(page.get_by_role("row").filter(has_text=EVE)).to_contain_text("viewer")
    expect(page.get_by_text("Invite somebody")).to_have_count(0)
    token = page.locator("input[name=form_token]").first.input_value()
    form = {"form_token": token, "name": "mine", "email": "x@example.com"}
    for path in ("/keys/new", "/people/invite", "/roles/new", "/people/teams", "/end-users", "/sso/new"):
        sent = page.request.post(path, form=form, headers={"Origin": installation.url})
        assert (path, sent.status) == (path, 403)
        assert "You may not do this" in sent.text()


def test_a_role_is_made_of_rules_given_and_explained(ada, eve, installation):
    page = ada.open("/roles/new")
    page.get_by_label(re.compile("^Name")).fill("echoes")
    for at, (server, action, named) in enumerate(
        (("demo", "tools.*", "echo"), ("demo", "tools.*", "add")), 1
    ):
        page.get_by_label(f"Server of rule {at}").fill(server)
        page.get_by_label(f"Action of rule {at}").fill(action)
        page.get_by_label(f"Tool, prompt or URI of rule {at}").fill(named)
    page.get_by_role("button", name="Make the role").click()
    page.get_by_label("Remove rule 2").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    page.get_by_role("region", name="Give it").get_by_role("combobox").first.select_option("user")
    page.get_by_label(re.compile("^Which")).fill(EVE)
    page.get_by_role("button", name="Give the role").click()
    expect(page.get_by_role("region", name="Who holds it")).to_contain_text(EVE)

    for tool, verdict, because in (("echo", "Allowed", "role echoes of user"), ("add", "Denied", "no rule")):
        page.goto("/roles/explain")
        page.get_by_label("Who").fill(EVE)
        page.get_by_label("On which server").fill("demo")
        page.get_by_label(re.compile("^Name")).fill(tool)
        page.get_by_role("button", name="Explain").click()
        answer = page.get_by_role("region", name=verdict)
        expect(answer).to_contain_text(because)


def test_people_change_their_own_password_and_administrators_shut_them_out(ada, eve):
    page = eve.open("/you")
    for label, words in (
        ("Password of now", WORDS),
        ("New password", f"{WORDS} too"),
        ("again", f"{WORDS} too"),
    ):
        page.get_by_label(label).fill(words)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status")).to_contain_text("You have a new password")

    page = ada.open("/people?query=eve")
    page.get_by_role("link", name=EVE).click()
    page.get_by_text("Shut out").first.click()
    page.get_by_label(f"Type {EVE} to confirm").fill(EVE)
    page.get_by_role("button", name="Shut out").click()
    expect(page.get_by_role("status")).to_contain_text("is shut out")
    eve.page.goto("/keys")
    expect(eve.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "return_to=%2Fkeys" in eve.page.url
