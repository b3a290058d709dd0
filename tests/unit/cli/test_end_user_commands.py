"""`gatewayops end-user` and `client` on a data directory."""

ADA = "ada@example.com"


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
