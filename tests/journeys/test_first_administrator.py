"""From an empty data directory to an administrator who is signed in, and what their session opens."""

import re

import httpx
import pytest

FORM = {"email": "ada@example.com", "name": "Ada", "password": "four unrelated words here"}


@pytest.fixture
def browser(installation):
    with httpx.Client(base_url=installation.url, headers={"Origin": installation.url}, timeout=30) as client:
        yield client


def test_the_link_of_the_first_start_leads_to_a_session_for_the_api_but_not_for_calls(installation, browser):
    link = re.search(r"http://\S+/setup\?token=(gwl_\w+)", installation.banner)
    assert browser.get(link.group()).status_code == 200

    done = browser.post("/setup", data=FORM | {"token": link.group(1)})

    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert "ada@example.com" in browser.get("/").text
    assert browser.get(link.group()).status_code == 404
    signed_in = browser.post("/v1/auth/sign-in", json={name: FORM[name] for name in ("email", "password")})
    session = signed_in.json()["token"]
    bearer = {"Authorization": f"Bearer {session}"}
    assert httpx.get(f"{installation.url}/v1/users", headers=bearer).json()["users"][0]["name"] == "Ada"
    [here] = installation.json("session", "list", "--user", "ada@example.com")["sessions"]
    assert (here["address"], here["user_agent"].startswith("python-httpx")) == ("127.0.0.1", True)

    call = {"tool": "echo", "arguments": {"text": session}}
    refused = httpx.post(f"{installation.url}/v1/mcp/demo/tools/call", json=call, headers=bearer)
    assert (refused.status_code, refused.json()["reason"]) == (401, "key_unknown")

    installation.cli("session", "revoke", here["id"])
    assert httpx.get(f"{installation.url}/v1/users", headers=bearer).status_code == 401
    for kept in (installation.log, installation.banner):
        assert session not in kept
    assert link.group(1) not in installation.log
