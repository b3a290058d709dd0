"""`gatewayops sso` on a data directory; signing in itself is in journeys/oauth_clients."""

import sqlite3
from datetime import UTC, datetime

from gatewayops.identity.saml import signing_pair
from gatewayops.identity.saml.parties import ServiceProvider
from gatewayops.identity.saml.sp_metadata import sp_metadata

OKTA = ("sso", "add", "okta", "--issuer", "https://corp.okta.example", "--client-id", "us")


def added(commands, *more):
    return commands.shown(*OKTA, "--secret-stdin", *more, typed="s3cret\n")


def test_a_provider_is_added_shown_without_its_secret_changed_and_removed(commands):
    assert "Nobody signs in at an identity provider" in commands.shown("sso", "list")
    commands.shown("team", "add", "platform")
    groups = ("--group", "engineers=developer", "--group-team", "a=b=platform")
    assert "/callback" in added(commands, "--scope", "openid", "--scope", "email", "--create-users", *groups)

    shown = commands.shown("sso", "show", "okta")
    assert "s3cret" not in shown
    for text in ("engineers: role_developer", "a=b: team_", "openid email", "has_secret             yes"):
        assert text in shown
    commands.shown("sso", "set", "okta", "--session-hours", "9", "--off", "--trust-email")
    found = commands.json("sso", "show", "okta")["identity_provider"]
    assert (found["session_hours"], found["enabled"], found["trust_email"]) == (9, False, True)
    assert len(found["group_mappings"]) == 2
    assert "nothing to change" in commands.refused("sso", "set", "okta", code=2)
    assert "GROUP=ROLE" in commands.refused("sso", "set", "okta", "--group", "engineers", code=2)
    assert "okta is removed" in commands.shown("sso", "remove", "okta")
    assert "no identity provider" in commands.refused("sso", "show", "okta")


def test_a_domain_is_claimed_and_the_machine_verifies_it(commands):
    added(commands)
    told = commands.shown("sso", "domain", "add", "works.example", "--provider", "okta")
    assert "https://works.example/.well-known/gatewayops-domain.json" in told
    assert "is verified" in commands.shown("sso", "domain", "verify", "works.example")
    assert "machine" in commands.shown("sso", "domain", "list")
    commands.shown("sso", "domain", "remove", "works.example")
    assert "No domain leads" in commands.shown("sso", "domain", "list")


def test_nobody_is_locked_out_by_a_provider_that_let_nobody_in_yet_and_the_machine_lifts_it(commands):
    added(commands)
    assert "nobody has signed in" in commands.refused("sso", "require", "okta")
    assert "No provider was required" in commands.shown("sso", "off")
    with sqlite3.connect(commands.data / "control.db") as store:
        store.execute("UPDATE identity_providers SET is_sso_required = 1")
    assert "okta: required no longer" in commands.shown("sso", "off")
    assert commands.json("sso", "show", "okta")["identity_provider"]["sso_required"] is False
    assert "identity_provider" in commands.shown("audit", "list")
    commands.shown("user", "add", "root@example.com")
    assert "may always" in commands.shown("sso", "break-glass", "root@example.com")
    assert "may no longer" in commands.shown("sso", "break-glass", "root@example.com", "--off")
    assert "never came in" in commands.shown("sso", "identities", "root@example.com")
    assert "no identity" in commands.refused("sso", "unlink", "root@example.com", "uid_none")


def test_a_saml_provider_is_added_by_its_document(commands, tmp_path, monkeypatch):
    monkeypatch.setattr(signing_pair, "_BITS", 2048)
    certificate = signing_pair.new_pair("idp", now=datetime.now(UTC)).certificate
    us = ServiceProvider(entity_id="https://idp.example/1", acs_url="https://idp.example/sso")
    ours = sp_metadata(us, certificate=certificate)  # a provider's is the same in other words
    theirs = ours.replace("SPSSODescriptor", "IDPSSODescriptor").replace("AssertionConsumer", "SingleSignOn")
    (tmp_path / "idp.xml").write_text(theirs.replace("HTTP-POST", "HTTP-Redirect"))
    words = ("sso", "add", "house", "--kind", "saml", "--attribute", "groups=team")
    told = commands.shown(*words, "--metadata", str(tmp_path / "idp.xml"))
    for text in ("/acs", "/metadata", "https://idp.example/1"):
        assert text in told
    shown = commands.shown("sso", "show", "house")
    assert "groups: team" in shown
    assert "client_id" not in shown
    commands.shown("sso", "set", "house", "--idp-initiated")
    assert commands.json("sso", "show", "house")["identity_provider"]["saml"]["allow_idp_initiated"] is True
    assert "cannot be read" in commands.refused("sso", "set", "house", "--metadata", "/no/such", code=2)
    assert "--client-id" in commands.refused("sso", "add", "x", "--issuer", "https://x.example", code=2)
    assert "WHAT" in commands.run("sso", "set", "--help").output
