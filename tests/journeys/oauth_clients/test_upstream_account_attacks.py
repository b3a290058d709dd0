"""Nobody gets at somebody else's account at a server behind, and its tokens show up nowhere."""

import logging
import threading
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from gatewayops.store.control.upstream_accounts import refresh_binding
from gatewayops.store.snapshot import account_binding

PAGE = "/connections/servers/"


async def test_a_link_of_mallory_connects_nothing_of_the_one_who_follows_it(ours, member):
    """The answer counts only in the session that asked, and once."""
    mallory, nina = member("mallory"), member("nina")
    landed = await nina.there.allow(mallory.leave(ours))

    assert nina.browser.get(landed).status_code == 400
    assert (mallory.connections(), nina.connections()) == ([], [])
    assert await as_nobody(landed) == 401
    assert mallory.browser.get(landed).status_code == 200
    assert mallory.browser.get(landed).status_code == 400


async def test_an_answer_of_another_server_or_without_a_code_connects_nothing(ours, member):
    """And it uses the sign-in up."""
    olga = member("olga")
    for wrong in ({"iss": "https://evil.example"}, {"iss": ""}, {"code": ""}, {"error": "access_denied"}):
        at = urlsplit(await olga.there.allow(olga.leave(ours)))
        query = dict(parse_qsl(at.query)) | wrong
        refused = olga.browser.get(at._replace(query=urlencode(query)).geturl())
        assert (refused.status_code, olga.connections()) == (400, []), wrong
        assert olga.browser.get(at.geturl()).status_code == 400, wrong


async def test_only_a_page_of_ours_sends_people_away(stack, ours, member):
    pia = member("pia")
    assert await as_nobody(f"{stack.url}{PAGE}{ours}") == 401
    for wrong in ({"form_token": "x"}, {"form_token": ""}, {"other": "x"}):
        assert pia.browser.post(f"{PAGE}{ours}", data=wrong).status_code == 403
    elsewhere = {"Origin": "https://evil.example"}
    form = {"form_token": pia.page(ours).text.partition('value="')[2].partition('"')[0]}
    assert pia.browser.post(f"{PAGE}{ours}", data=form, headers=elsewhere).status_code == 403
    policy = pia.page(ours).headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy


async def test_accounts_of_others_are_neither_seen_nor_ended(admin, ours, member):
    quin, rosa = member("quin"), member("rosa")
    await quin.connect(ours)
    (row,) = quin.connections()

    assert rosa.connections() == []
    assert rosa.ask("GET", f"/v1/connections?user={quin.id}").status_code == 403
    assert rosa.ask("DELETE", f"/v1/connections/{row['id']}").status_code == 403
    listed = admin.get("/v1/connections", params={"user": quin.id}).json()["connections"]
    assert [one["id"] for one in listed] == [row["id"]]
    assert quin.call(ours).status_code == 200


async def test_a_server_that_moved_gets_no_token_of_before(stack, admin, ours, member, demo_url):
    """Else whoever changes an address collects the tokens of all."""
    sven = member("sven")
    await sven.connect(ours)
    assert admin.patch(f"/v1/servers/{ours}", json={"url": demo_url}).status_code == 200

    refused = sven.call(ours)

    assert (refused.status_code, refused.json()["reason"]) == (403, "upstream_sign_in")
    assert sven.connections()[0]["state"] == "needs_sign_in"


async def test_callers_who_are_no_users_get_a_clear_refusal(admin, stack, ours):
    made = admin.post("/v1/auth/keys", json={"name": "robot"}).json()["key"]["secret"]
    headers, body = {"Authorization": f"Bearer {made}"}, {"tool": "echo", "arguments": {"text": "hi"}}
    answer = admin.post(f"{stack.url}/v1/mcp/{ours}/tools/call", json=body, headers=headers)
    assert answer.status_code == 403
    assert "belongs to a user" in answer.json()["message"]
    told = admin.post(f"/v1/servers/{ours}/connection").json()
    assert told == {"connection": None, "sign_in_url": f"{stack.url}/connections/servers/{ours}"}
    about = {"name": "open", "url": "http://127.0.0.1:9/mcp", "upstream_auth": "user_oauth", "auth": "none"}
    assert admin.post("/v1/servers", json=about).status_code == 400
    sent = about | {"auth": "api_key", "headers": {"authorization": "Bearer x"}}
    assert admin.post("/v1/servers", json=sent).status_code == 400


async def test_tokens_of_accounts_show_up_nowhere(stack, ours, member, caplog):
    """Looked for: in answers, logs at debug, pages and every file of the data directory."""
    caplog.set_level(logging.DEBUG)
    tess, seen = member("tess"), []
    landed = await tess.there.allow(tess.leave(ours))
    code = dict(parse_qsl(urlsplit(landed).query))["code"]
    seen.append(tess.browser.get(landed).text)
    canaries = [*tokens_of(stack, tess), code]
    seen += [tess.call(ours).text, tess.call(ours, words=canaries[0][:4]).text, tess.page(ours).text]
    stack.sql("UPDATE upstream_accounts SET renew_at = created_at")
    stack.run_upstream_jobs()
    canaries += tokens_of(stack, tess)
    assert len(set(canaries)) == 5
    (row,) = tess.connections()
    seen += [str(row), tess.ask("GET", f"/v1/servers/{ours}/connection").text, tess.call(ours).text]
    seen += [tess.browser.get("/connections/callback?state=x&code=y").text]
    seen += [tess.ask("DELETE", f"/v1/connections/{row['id']}").text, tess.call(ours).text]

    files = b"".join(path.read_bytes() for path in stack.data.rglob("*") if path.is_file())
    others = [one for one in caplog.records if one.thread != threading.get_ident()]  # ours is the browser's
    roles = [one for one in others if one.name != "uvicorn.access"]  # which roles have not: app/logs.py
    logs = "\n".join(f"{one.name} {one.getMessage()} {one.exc_text or ''}" for one in roles)
    assert "/token" in logs, "the roles did log at debug"
    everywhere = [*(one.encode() for one in seen), logs.encode(), files]
    assert tess.key.encode() not in files
    assert b"upstream_account" in files, "the place to look in is not empty"
    for canary in canaries:
        for place in everywhere:
            at = place.find(canary.encode())
            assert at < 0, place[max(0, at - 200) : at + 20]


async def as_nobody(url):
    """The status for a browser that is not signed in."""
    async with httpx.AsyncClient() as http:
        return (await http.get(url)).status_code


def tokens_of(stack, user):
    """The access and the refresh token that are kept for a user, opened."""
    query = "SELECT id, sealed_access, sealed_refresh FROM upstream_accounts WHERE user_id = :user"
    ((account, access, refresh),) = stack.sql(query, user=user.id)
    found = []
    for sealed, bound_to in (
        (access, account_binding("org_default", account)),
        (refresh, refresh_binding("org_default", account)),
    ):
        opening = stack.parts.credentials.open(sealed, org_id="org_default", bound_to=bound_to)
        found.append(stack.run(opening).decode())
    return found
