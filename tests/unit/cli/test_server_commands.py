"""`gatewayops server` on a data directory."""

URL = "http://127.0.0.1:9/mcp"
SECRET = "Bearer upstream-secret-4711"


def test_a_server_at_a_loopback_address_may_be_added_by_the_person_at_the_machine(commands):
    made = commands.json("server", "add", "files", "--url", URL, "--timeout", "12", "--max-in-flight", "7")

    assert made["name"] == "files"
    assert made["timeout_s"] == 12
    assert made["max_in_flight"] == 7
    assert made["allow_private_network"] is True
    assert "files" in commands.shown("server", "list")
    assert URL in commands.shown("server", "show", "files")


def test_header_values_are_never_shown_and_lie_sealed(commands):
    added = commands.shown("server", "add", "files", "--url", URL, "--header", f"Authorization: {SECRET}")

    assert "authorization" in added.lower()
    stored = b"".join(path.read_bytes() for path in commands.data.rglob("*") if path.is_file())
    for text in (
        added,
        commands.shown("server", "list"),
        commands.shown("server", "show", "files", "--json"),
    ):
        assert "4711" not in text
    assert b"4711" not in stored


def test_a_header_without_a_colon_is_refused_without_repeating_it(commands):
    said = commands.refused("server", "add", "files", "--url", URL, "--header", SECRET, code=2)

    assert "'Name: value'" in said
    assert "4711" not in said


def test_only_what_is_given_is_changed(commands):
    commands.json("server", "add", "files", "--url", URL, "--retries", "0")

    changed = commands.json("server", "set", "files", "--timeout", "3.5")

    assert (changed["timeout_s"], changed["retries"], changed["url"]) == (3.5, 0, URL)
    assert "nothing to change" in commands.refused("server", "set", "files", code=2)


def test_a_removed_server_is_gone(commands):
    commands.json("server", "add", "files", "--url", URL)

    commands.shown("server", "remove", "files")

    assert "No servers yet" in commands.shown("server", "list")
    assert "no server" in commands.refused("server", "show", "files")


def test_testing_a_server_that_is_away_says_so(commands):
    commands.json("server", "add", "away", "--url", URL, "--retries", "0")

    assert "away does not answer" in commands.refused("server", "test", "away")


def test_a_name_that_is_taken_or_wrong_is_refused_in_one_line(commands):
    commands.json("server", "add", "files", "--url", URL)

    assert commands.refused("server", "add", "files", "--url", URL)
    assert "name" in commands.refused("server", "add", "Files!", "--url", URL)


def test_long_lists_are_shown_a_page_at_a_time(commands):
    for name in ("one", "two", "three"):
        commands.json("server", "add", name, "--url", URL)

    first = commands.json("server", "list", "--limit", "2")
    rest = commands.json("server", "list", "--limit", "2", "--cursor", first["cursor"])

    assert f"--cursor {first['cursor']}" in commands.shown("server", "list", "--limit", "2")
    assert {row["name"] for row in first["servers"] + rest["servers"]} == {"one", "two", "three"}


def test_thresholds_of_retries_and_breaker_are_set_and_shown(commands):
    commands.json("server", "add", "files", "--url", URL, "--breaker-failures", "3", "--retry-budget", "10")

    changed = commands.json("server", "set", "files", "--breaker-open", "2.5", "--caller-share", "50")

    assert (changed["breaker_failures"], changed["breaker_open_s"]) == (3, 2.5)
    assert (changed["retry_budget_percent"], changed["caller_share_percent"]) == (10, 50)
    shown = commands.shown("server", "show", "files")
    assert "opens at 3 failures in 10 s" in shown
    assert "unknown: no gateway" in shown
    assert "breaker_percent" in commands.refused("server", "set", "files", "--breaker-percent", "0")


def test_a_server_that_people_sign_in_to_shows_the_address_for_their_clients(commands):
    words = ("--auth", "platform_oauth", "--scope", "files:read", "--scope", "files:write", "--sign-up")
    shown = commands.shown("server", "add", "files", "--url", URL, *words)

    assert "/v1/mcp/files" in shown
    assert "people who sign in for files:read files:write, who may sign up" in shown
    assert "anybody, without a key" in commands.shown("server", "set", "files", "--auth", "none")
