"""Single sign-on is set up in the dashboard with npm's oidc-provider, and a new colleague comes in by it."""

import re

import pytest
from playwright.sync_api import expect

from gatewayops.testing.first_person import EMAIL, PASSWORD
from gatewayops.testing.node_peers import NodePeers
from gatewayops.testing.oidc_idp import oidc_idp

from .conftest import ROOT

NINA = "nina@works.example"


@pytest.fixture
def idp(tmp_path):
    peers = NodePeers(ROOT / "tests/node_idp", ROOT / ".cache")
    peers.install()
    with oidc_idp(peers, tmp_path / "log") as running:
        running.knows("ada", email=EMAIL, email_verified=True, name="Ada")
        running.knows("nina", email=NINA, email_verified=True, name="Nina")
        yield running


def signs_in_there(page, login):
    """On the provider's own pages, and back; what these load from elsewhere they do without."""
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_a_provider_is_set_up_step_by_step_and_a_new_colleague_signs_in_by_it(browsing, installation, idp):
    app = idp.register()
    elsewhere = re.compile(r"https?://(?!127\.0\.0\.1)")
    with browsing.person(is_known=False) as ada:
        ada.page.route(elsewhere, lambda route: route.abort())
        ada.sign_in(EMAIL, PASSWORD)
        page = ada.open("/sso")
        page.get_by_role("link", name="Set up a provider").first.click()
        page.get_by_role("link", name=re.compile("OpenID Connect")).click()
        page.get_by_label(re.compile("^Name")).fill("works")
        page.get_by_label(re.compile("private network")).check()
        page.get_by_role("button", name="Go on").click()

        address = page.get_by_role("region", name="1. Register").locator("code").inner_text()
        idp.set_redirect_uri(app, address)
        page.get_by_label("Issuer").fill(idp.url)
        page.get_by_label("Client ID").fill(app.client_id)
        page.get_by_label("Client secret").fill(app.client_secret)
        page.get_by_role("button", name="Save and switch on").click()
        page.get_by_role("button", name="Ask the provider").click()
        expect(page.get_by_text("The provider answers.")).to_be_visible()

        page.get_by_role("link", name="Test sign-in").click()
        page.get_by_role("button", name="Sign in with works").click()
        signs_in_there(page, "ada")
        page.wait_for_url("**/sso/works")
        page.get_by_label("Domain", exact=True).fill("works.example")
        page.get_by_role("button", name="Add the domain").click()
        expect(page.get_by_text("not verified")).to_be_visible()
        assert installation.cli("sso", "domain", "verify", "works.example").returncode == 0
        page.get_by_label(re.compile("becomes a user")).check()
        page.get_by_label("Role of new people").select_option(label="viewer")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Saved")
        expect(page.get_by_text("verified", exact=True)).to_be_visible()

    with browsing.person(is_known=False) as nina:
        nina.page.route(elsewhere, lambda route: route.abort())
        page = nina.open("/keys")
        page.get_by_label("E-mail address").fill(NINA)
        page.get_by_role("button", name="Continue").click()
        signs_in_there(page, "nina")
        page.wait_for_url("**/keys")
        page.goto("/you")
        expect(page.get_by_text(f"{NINA} at")).to_be_visible()
        expect(page.get_by_text("viewer (yours)")).to_be_visible()
        expect(page.get_by_role("cell", name="oidc")).to_be_visible()
    assert installation.cli("sso", "remove", "works").returncode == 0
