"""`gatewayops connection` on a data directory; the flow itself is in journeys/oauth_clients."""

ISSUER = "https://as.example"


def test_a_client_that_was_registered_by_hand_is_told_shown_without_its_secret_and_forgotten(commands):
    words = ("--url", "http://127.0.0.1:9/mcp", "--upstream-auth", "user_oauth", "--upstream-scope", "read")
    assert "each user's own, read" in commands.shown("server", "add", "notes", *words)
    assert "not registered anywhere yet" in commands.shown("connection", "client", "notes")
    given = ("--issuer", ISSUER, "--client-id", "us")
    assert "client_secret: needed" in commands.refused(
        "connection", "client", "notes", *given, "--auth-method", "client_secret_post"
    )
    commands.shown("connection", "client", "notes", *given, "--secret-stdin", typed="s3cret\n")
    told = commands.json("connection", "client", "notes")
    assert told["upstream_clients"] == [
        {
            "issuer": ISSUER,
            "kind": "given",
            "client_id": "us",
            "auth_method": "client_secret_basic",
            "has_secret": True,
        }
    ]
    assert told["redirect_uri"].endswith("/connections/callback")
    assert "s3cret" not in commands.shown("connection", "client", "notes")
    commands.shown("connection", "client", "notes", "--issuer", ISSUER, "--remove")
    assert commands.json("connection", "client", "notes")["upstream_clients"] == []


def test_nobody_is_connected_yet_and_the_machine_says_where_one_connects(commands):
    commands.shown("server", "add", "notes", "--url", "http://127.0.0.1:9/mcp")
    assert "No accounts are connected." in commands.shown("connection", "list")
    assert "takes no accounts of users" in commands.refused("connection", "add", "notes")
    commands.shown("server", "set", "notes", "--upstream-auth", "user_oauth")
    assert "/connections/servers/notes" in commands.shown("connection", "add", "notes")
    assert "no connection of that id" in commands.refused("connection", "end", "ua_1")
