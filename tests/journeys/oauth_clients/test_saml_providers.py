"""People sign in at a real SAML provider from npm, whose page sends them back with a form."""

import re

import httpx
import pytest

from gatewayops.testing.oidc_idp import NO_ROOTS
from gatewayops.testing.saml_idp import pem_of, saml_idp

DOMAIN = "house.example"
ELSEWHERE = {"Origin": "https://idp.house.example"}  # on loopback every port would be ours


@pytest.fixture(scope="module")
def idp(idp_peers, tmp_path_factory):
    with saml_idp(idp_peers, tmp_path_factory.mktemp("saml-idp") / "log") as running:
        yield running


def added(admin, idp, name, **more):
    body = {"name": name, "kind": "saml", "metadata_url": idp.metadata_url, "allow_private_network": True}
    made = admin.post("/v1/identity-providers", json=body | more)
    assert made.status_code == 201, made.text
    return made.json()["identity_provider"]


@pytest.fixture(scope="module")
def provider(admin, idp):
    """The one for people of the domain; its groups give roles."""
    groups = [{"group": "engineers", "role": "developer"}, {"group": "readers", "role": "viewer"}]
    found = added(admin, idp, "house", create_users=True, group_mappings=groups)
    claim = {"domain": DOMAIN, "provider": "house"}
    assert admin.post("/v1/sso-domains", json=claim).status_code == 201
    assert admin.post(f"/v1/sso-domains/{DOMAIN}/verify").status_code == 200
    yield found
    assert admin.delete("/v1/identity-providers/house").status_code == 204


def browsing(stack):
    return httpx.Client(base_url=stack.url, timeout=30, verify=NO_ROOTS)


@pytest.fixture
def browser(stack):
    with browsing(stack) as client:
        yield client


def led_on(browser, stack, email):
    headers = {"Origin": stack.url}
    answer = browser.post("/sign-in/email", data={"email": email}, headers=headers)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def says(idp, provider, login, **more):
    """What it says of who comes next; it checks that the request is signed by us."""
    ours = httpx.get(provider["saml"]["our_metadata_url"], verify=NO_ROOTS).text
    certificate = ours.partition("X509Certificate>")[2]
    checks = pem_of(certificate.partition("<")[0])
    idp.says(provider["saml"]["acs_url"], name_id=f"{login}@{DOMAIN}", checks=checks, **more)


def brought(browser, provider, answer):
    """The form of the provider's page, sent by the browser."""
    return browser.post(provider["saml"]["acs_url"], data={"SAMLResponse": answer}, headers=ELSEWHERE)


def roles(browser):
    known = browser.get("/v1/auth/session")
    assert known.status_code == 200, known.text
    return known.json()["user"]["email"], {role["name"] for role in known.json()["roles"]}


def test_a_new_colleague_becomes_a_user_with_the_roles_of_their_groups_as_they_are_now(
    stack, admin, browser, idp, provider
):
    assert admin.post("/v1/identity-providers/house/test").json()["is_found"] is True
    for groups, role in ((["engineers", "others"], "developer"), (["readers"], "viewer")):
        says(idp, provider, "ada", attributes={"displayName": "Ada", "groups": groups})
        done = brought(browser, provider, idp.answer_of(led_on(browser, stack, f"ada@{DOMAIN}")))
        assert (done.status_code, done.headers.get("location")) == (303, "/"), done.text
        assert roles(browser) == (f"ada@{DOMAIN}", {role})
    assert browser.get("/v1/auth/session").json()["session"]["method"] == "saml"


def test_an_answer_counts_once_in_the_browser_that_asked_at_the_provider_that_was_asked(
    stack, admin, browser, idp, provider
):
    says(idp, provider, "bob")
    answer = idp.answer_of(led_on(browser, stack, f"bob@{DOMAIN}"))
    other = added(admin, idp, "other")
    try:
        assert brought(browser, other, answer).status_code == 403
    finally:
        admin.delete("/v1/identity-providers/other")
    with browsing(stack) as eves:
        led_on(eves, stack, f"eve@{DOMAIN}")  # with an attempt of her own
        assert brought(eves, provider, answer).status_code == 403
        assert eves.get("/v1/auth/session").status_code == 401
    assert brought(browser, provider, answer).status_code == 303
    assert brought(browser, provider, answer).status_code == 403


def test_an_answer_that_nobody_asked_for_is_refused_unless_that_is_allowed_and_counts_once(
    stack, admin, browser, idp, provider
):
    says(idp, provider, "cleo", request={"audience": provider["saml"]["our_entity_id"]})
    refused = brought(browser, provider, idp.unasked())
    assert (refused.status_code, "nobody asked" in refused.text) == (401, True)
    told = admin.get("/v1/logs/audit", params={"action": "auth.failed"}).json()["entries"]
    assert any(entry["target"]["id"] == "sign-in at an identity provider" for entry in told)

    path = "/v1/identity-providers/house"
    assert admin.patch(path, json={"allow_idp_initiated": True}).status_code == 200
    answer = idp.unasked()
    asks = brought(browser, provider, answer)
    assert (asks.status_code, asks.headers["location"]) == (303, "/sign-in/agree")
    page = browser.get("/sign-in/agree")
    assert f"cleo@{DOMAIN}" in page.text
    assert browser.get("/v1/auth/session").status_code == 401  # a page elsewhere may have sent the browser
    token = re.search('name="form_token" value="([^"]*)"', page.text)[1]
    agreed = browser.post("/sign-in/agree", data={"form_token": token}, headers={"Origin": stack.url})
    assert (agreed.status_code, agreed.headers.get("location")) == (303, "/")
    assert roles(browser)[0] == f"cleo@{DOMAIN}"
    again = brought(browser, provider, answer)
    assert (again.status_code, "used already" in again.text) == (401, True)
    assert admin.patch(path, json={"allow_idp_initiated": False}).status_code == 200


def test_a_key_that_the_metadata_does_not_name_signs_nobody_in_until_it_is_loaded_anew(
    stack, admin, browser, idp, provider
):
    says(idp, provider, "dora", pair=1)
    refused = brought(browser, provider, idp.answer_of(led_on(browser, stack, f"dora@{DOMAIN}")))
    assert (refused.status_code, "does not hold" in refused.text) == (401, True)
    both = idp.metadata().decode().replace(idp.pairs[0].certificate, idp.pairs[1].certificate)
    path = "/v1/identity-providers/house"
    assert admin.patch(path, json={"metadata": both}).status_code == 200
    says(idp, provider, "dora", pair=1)
    answer = idp.answer_of(led_on(browser, stack, f"dora@{DOMAIN}"))
    assert brought(browser, provider, answer).status_code == 303
    assert admin.patch(path, json={"metadata_url": idp.metadata_url}).status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/email", "/sign-out", "/v1/auth/sign-in", "{acs}/"])
def test_the_provider_s_page_may_send_nothing_but_its_answers(browser, provider, path):
    to = path.format(acs=provider["saml"]["acs_url"])
    refused = browser.post(to, data={"SAMLResponse": "x"}, headers=ELSEWHERE)
    assert (refused.status_code, refused.json()["reason"]) == (403, "origin_not_allowed")
