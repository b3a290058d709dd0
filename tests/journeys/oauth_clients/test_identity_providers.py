"""People sign in at a real OpenID Connect provider from npm: how they come in, become users, and stay out."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gatewayops.testing.node_peers import NodePeers
from gatewayops.testing.oidc_idp import NO_ROOTS, oidc_idp, visitor

DOMAIN = "works.example"


@pytest.fixture(scope="module")
def idp(idp_peers: NodePeers, tmp_path_factory):
    with oidc_idp(idp_peers, tmp_path_factory.mktemp("oidc-idp") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def provider(admin, idp):
    """The installation's only one, for people of the domain; its groups give roles."""
    app = idp.register()
    body = {
        "name": "works",
        "kind": "oidc",
        "issuer": idp.url,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "scopes": ["openid", "email", "profile", "groups"],
        "allow_private_network": True,
        "create_users": True,
        "group_mappings": [
            {"group": "engineers", "role": "developer"},
            {"group": "readers", "role": "viewer"},
        ],
    }
    made = admin.post("/v1/identity-providers", json=body)
    assert made.status_code == 201, made.text
    found = made.json()["identity_provider"]
    idp.set_redirect_uri(app, found["redirect_uri"])
    claim = {"domain": DOMAIN, "provider": "works"}
    assert admin.post("/v1/sso-domains", json=claim).status_code == 201
    assert admin.post(f"/v1/sso-domains/{DOMAIN}/verify").status_code == 200
    yield found
    assert admin.delete("/v1/identity-providers/works").status_code == 204


@pytest.fixture
def browser(stack):
    about = {"headers": {"Origin": stack.url}, "timeout": 30, "verify": NO_ROOTS}
    with httpx.Client(base_url=stack.url, **about) as client:
        yield client


def led_on(browser, email):
    """Where the page leads on to that asks for the address."""
    assert "E-mail address" in browser.get("/sign-in").text
    answer = browser.post("/sign-in/email", data={"email": email})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def came_in(browser, login, email=""):
    """The answer to who comes back from the provider."""
    with visitor(login) as there:
        return browser.get(there.back(led_on(browser, email or f"{login}@{DOMAIN}")))


def roles(browser):
    known = browser.get("/v1/auth/session")
    assert known.status_code == 200, known.text
    return known.json()["user"]["email"], {role["name"] for role in known.json()["roles"]}


def test_a_new_colleague_becomes_a_user_with_the_roles_of_their_groups_as_they_are_now(
    admin, browser, idp, provider
):
    tested = admin.post("/v1/identity-providers/works/test").json()
    assert (tested["is_found"], tested["client_authentication"]) == (True, "client_secret_basic")

    about = {"email": f"Ada@{DOMAIN}", "email_verified": True, "name": "Ada"}
    idp.knows("ada", **about, groups=["engineers", "others"])
    assert came_in(browser, "ada").headers["location"] == "/"
    assert roles(browser) == (f"ada@{DOMAIN}", {"developer"})
    method = browser.get("/v1/auth/sessions").json()["sessions"][0]["method"]
    assert method == "oidc"

    idp.knows("ada", **about | {"email": f"renamed@{DOMAIN}"}, groups=["readers"])
    assert came_in(browser, "ada").status_code == 303
    assert roles(browser) == (f"ada@{DOMAIN}", {"viewer"})
    other = admin.patch("/v1/identity-providers/works", json={"client_id": "another"})
    assert (other.status_code, "somebody has come in" in other.text) == (409, True)


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        pytest.param({"email": f"eve@{DOMAIN}"}, "does not say", id="an address that is not verified"),
        pytest.param({"email": "eve@else.example", "email_verified": True}, "invite", id="not ours"),
        pytest.param({}, "does not say", id="no address"),
    ],
)
def test_who_proves_no_address_of_ours_stays_out(browser, idp, provider, claims, says):
    idp.knows("eve", **claims)
    answer = came_in(browser, "eve")
    assert (answer.status_code, says in answer.text) == (403, True)
    assert browser.get("/v1/auth/session").status_code == 401


def test_who_refuses_there_is_told_and_may_begin_again(admin, browser, idp, provider):
    idp.knows("bob", email=f"bob@{DOMAIN}", email_verified=True)
    with visitor("bob") as there:
        back = there.back(led_on(browser, f"bob@{DOMAIN}"), refuses=True)
    answer = browser.get(back)
    assert (answer.status_code, "access_denied" in answer.text) == (401, True)
    assert browser.get(back).status_code == 403  # that attempt is over
    told = admin.get("/v1/logs/audit", params={"action": "auth.failed"}).json()["entries"]
    assert any(entry["target"]["id"] == "sign-in at an identity provider" for entry in told)
    assert came_in(browser, "bob").status_code == 303


def test_a_code_of_another_attempt_or_an_answer_of_another_issuer_opens_nothing(browser, idp, provider):
    for login in ("dora", "mallory"):
        idp.knows(login, email=f"{login}@{DOMAIN}", email_verified=True)
    with visitor("mallory") as there:
        stolen = parse_qs(urlsplit(there.back(led_on(browser, f"mallory@{DOMAIN}"))).query)["code"][0]
    with visitor("dora") as there:
        back = there.back(led_on(browser, f"dora@{DOMAIN}"))
        injected = re.sub(r"code=[^&]+", f"code={stolen}", back)
        assert browser.get(injected).status_code == 401  # the code's own PKCE challenge was another
        mixed_up = there.back(led_on(browser, f"dora@{DOMAIN}")).replace("iss=", "iss=x")
        assert browser.get(mixed_up).status_code == 401
        silent = re.sub(r"&iss=[^&]+", "", there.back(led_on(browser, f"dora@{DOMAIN}")))
        assert browser.get(silent).status_code == 401
        assert browser.get("/v1/auth/session").status_code == 401
        assert browser.get(there.back(led_on(browser, f"dora@{DOMAIN}"))).status_code == 303


def test_where_single_sign_on_is_required_a_password_opens_nothing(admin, browser, idp, provider):
    idp.knows("cleo", email=f"cleo@{DOMAIN}", email_verified=True)
    came_in(browser, "cleo")
    me = browser.get("/v1/auth/session").json()["user"]["id"]
    password = {"password": "four unrelated words here"}
    assert admin.put(f"/v1/users/{me}/password", json=password).status_code == 204
    given = {"email": f"cleo@{DOMAIN}"} | password
    path = "/v1/identity-providers/works"
    assert admin.patch(path, json={"sso_required": True}).status_code == 200
    try:
        refused = browser.post("/v1/auth/sign-in", json=given)
        assert (refused.status_code, "wrong" in refused.text) == (401, True)
        assert re.search("wrong", browser.post("/sign-in", data=given).text)
        assert came_in(browser, "cleo").status_code == 303
    finally:
        assert admin.patch(path, json={"sso_required": False}).status_code == 200
    assert browser.post("/v1/auth/sign-in", json=given).status_code == 200
