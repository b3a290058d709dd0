"""`gatewayops end-user` and `client` on a data directory."""

import base64
import json

ADA = "ada@example.com"
WEBP = "UklGRh4AAABXRUJQVlA4TBEAAAAvHcAEAAdQuS60sP+BiOh/AAA="


def test_a_person_is_added_listed_shown_disabled_and_removed(commands):
    added = commands.shown("end-user", "add", ADA, "--name", "Ada", "--generate")
    assert "Password: " in added
    password = added.split("Password: ")[1].strip()
    assert ADA in commands.shown("end-user", "list")
    assert password not in commands.shown("end-user", "show", ADA)
    assert "there is an end user of that address" in commands.refused("end-user", "add", ADA, "--generate")
    commands.shown("end-user", "disable", ADA)
    assert commands.json("end-user", "show", ADA)["end_user"]["enabled"] is False
    commands.shown("end-user", "enable", ADA)
    commands.shown("end-user", "revoke", ADA)
    commands.shown("end-user", "remove", ADA)
    assert "no end user has the address" in commands.refused("end-user", "show", ADA)


def test_an_app_is_registered_for_a_protected_server_listed_and_disabled(commands):
    commands.shown("server", "add", "notes", "--url", "http://127.0.0.1:9/mcp", "--auth", "platform_oauth")
    uri = "https://app.example/cb"
    made = commands.json("client", "add", "notes", "Our app", "--redirect-uri", uri)["client"]
    assert made["secret"].startswith("gwo_cs_")
    listed = commands.shown("client", "list", "notes")
    assert uri in listed
    assert made["secret"] not in listed
    assert "no longer good" in commands.shown("client", "disable", "notes", made["id"])
    assert commands.json("client", "list", "notes")["clients"][0]["enabled"] is False
    refused = commands.refused("client", "add", "notes", "x", "--redirect-uri", "http://example.com/")
    assert "https" in refused


def test_a_machine_gets_a_client_of_its_own_and_an_issuer_is_trusted_until_it_is_removed(commands):
    commands.shown("server", "add", "notes", "--url", "http://127.0.0.1:9/mcp", "--auth", "platform_oauth")
    made = commands.json("client", "add", "notes", "Robot", "--grant", "credentials")["client"]
    assert made["grant_types"] == ["client_credentials"]
    assert "redirect_uris" in commands.refused("client", "add", "notes", "App")
    where = ("--jwks-uri", "https://idp.example/keys")
    commands.shown("issuer", "add", "Corp", "https://idp.example", *where)
    assert "trusted already" in commands.refused("issuer", "add", "Corp", "https://idp.example", *where)
    (issuer,) = commands.json("issuer", "list")["identity_issuers"]
    assert issuer["id"] in commands.shown("issuer", "list")
    assert "no longer count" in commands.shown("issuer", "remove", issuer["id"])
    assert "No issuer is trusted." in commands.shown("issuer", "list")
    assert "https" in commands.refused("issuer", "add", "x", "http://idp.example", *where)


def test_a_server_gets_a_provider_where_people_sign_in_until_it_is_removed(commands):
    commands.shown("server", "add", "notes", "--url", "http://127.0.0.1:9/mcp", "--auth", "platform_oauth")
    assert "Nowhere yet" in commands.shown("sign-in", "list", "notes")
    where = ("--kind", "oidc", "--issuer", "https://idp.example", "--client-id", "us")
    added = commands.shown("sign-in", "add", "notes", "Corp SSO", *where, "--email-domain", "example.com")
    assert "Redirect URI to register there: http://127.0.0.1:8080/oauth/notes/sign-in/sip_" in added
    assert "example.com" in commands.shown("sign-in", "list", "notes")
    changed = commands.json("sign-in", "set", "notes", "Corp SSO", "--disable", "--sign-up")
    assert (changed["sign_in_provider"]["enabled"], changed["sign_in_provider"]["allows_sign_up"]) == (
        False,
        True,
    )
    assert "has no sign-in provider Corp" in commands.refused("sign-in", "test", "notes", "Corp")
    assert "client_secret" in commands.refused(
        "sign-in", "add", "notes", "G", "--kind", "google", "--client-id", "u"
    )
    assert "at providers only" in commands.shown("server", "set", "notes", "--no-password")
    assert "Nobody signs in at Corp SSO" in commands.shown("sign-in", "remove", "notes", "Corp SSO")
    assert commands.json("sign-in", "list", "notes") == {"sign_in_providers": []}


def test_the_pages_of_a_server_are_branded_and_unbranded(commands, tmp_path):
    commands.shown("server", "add", "notes", "--url", "http://127.0.0.1:9/mcp", "--auth", "platform_oauth")
    (tmp_path / "logo.webp").write_bytes(base64.b64decode(WEBP))
    (tmp_path / "logo.svg").write_text("<svg/>")
    words = ("--product-name", "Acme Notes", "--accent", "#FFDD00", "--logo", str(tmp_path / "logo.webp"))
    made = commands.json("branding", "set", "notes", *words)
    assert (made["product_name"], made["accent_color"]) == ("Acme Notes", "#ffdd00")
    assert made["logo_url"].startswith("http://127.0.0.1:8080/oauth/notes/logo/")
    refused = commands.refused("branding", "set", "notes", "--logo", str(tmp_path / "logo.svg"))
    assert "SVG is not taken" in refused
    assert "nothing to change" in commands.refused("branding", "set", "notes", code=2)
    commands.shown("branding", "set", "notes", "--support", "help@acme.example", "--accent", "")
    shown = commands.shown("branding", "show", "notes")
    assert "help@acme.example" in shown
    assert "Acme Notes" in shown
    commands.shown("branding", "remove", "notes", "--logo")
    assert commands.json("branding", "show", "notes")["logo_url"] is None
    commands.shown("branding", "remove", "notes")
    assert "Acme" not in commands.shown("branding", "show", "notes")


def test_people_are_exported_to_a_file_or_to_the_terminal(commands, tmp_path):
    commands.shown("end-user", "add", ADA, "--name", "=1+1", "--generate")
    assert commands.shown("end-user", "export").splitlines()[1].split(",")[1:3] == [ADA, "'=1+1"]
    file = tmp_path / "people.jsonl"
    commands.shown("end-user", "export", "--format", "jsonl", "--output", str(file))
    (person,) = map(json.loads, file.read_text().splitlines())
    assert (person["email"], person["name"], person["email_verified"]) == (ADA, "=1+1", True)
    assert commands.shown("end-user", "export", "--kind", "clients").startswith("id,server,client_id")


def test_the_operator_vouches_for_an_address_and_decides_whether_that_is_needed(commands):
    commands.shown("end-user", "add", ADA, "--generate")
    commands.shown("end-user", "verify", ADA)
    assert commands.json("end-user", "show", ADA)["end_user"]["email_verified"] is True
    words = ("--url", "http://127.0.0.1:9/mcp", "--auth", "platform_oauth", "--sign-up")
    assert commands.json("server", "add", "notes", *words)["requires_verified_email"] is True
    commands.shown("server", "set", "notes", "--unverified-email")
    assert "who may sign up with any address" in commands.shown("server", "show", "notes")
