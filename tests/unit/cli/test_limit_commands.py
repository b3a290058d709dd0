"""`gatewayops limit` on a data directory."""

import pytest


@pytest.fixture
def key(commands):
    return commands.json("key", "create", "agent")


def key_id(key):
    return key.get("id") or key["key"]["id"]


def test_a_keys_limit_is_set_listed_and_removed(commands, key):
    made = commands.json("limit", "set", "key", key_id(key), "5/m")

    assert (made["scope"], made["subject"], made["subject_name"]) == ("api_key", key_id(key), "agent")
    assert (made["limit"], made["window"], made["burst"]) == (5, "1m", 0)
    assert "5/m" in commands.shown("limit", "list")
    assert commands.json("limit", "list")["limits"] == [made]
    commands.shown("limit", "remove", "key", key_id(key))
    assert "defaults count" in commands.shown("limit", "list")


@pytest.mark.parametrize(
    ("rate", "limit", "window"),
    [("5/s", 5, "1s"), ("100/1m", 100, "1m"), ("7/h", 7, "1h"), ("none", 0, "1m")],
)
def test_rates_are_written_as_people_say_them(commands, rate, limit, window):
    made = commands.json("limit", "set", "global", rate, "--burst", "3")

    assert (made["scope"], made["limit"], made["window"], made["burst"]) == ("global", limit, window, 3)
    assert commands.shown("limit", "remove", made["id"])


def test_users_teams_and_servers_are_named(commands):
    commands.json("team", "add", "platform")
    commands.json("user", "add", "ada@example.com", "--team", "platform")
    commands.json("server", "add", "files", "--url", "https://mcp.example.com/mcp")

    for scope, subject in (("user", "ada@example.com"), ("team", "platform"), ("server", "files")):
        assert commands.json("limit", "set", scope, subject, "5/s")["subject_name"] == subject
        assert subject in commands.shown("limit", "list")


def test_what_a_keys_calls_count_against_is_shown_with_the_defaults(commands, key):
    commands.json("limit", "set", "key", key["name"], "5/m")

    told = commands.json("limit", "show", key["name"])["limits"]

    assert [(row["scope"], row["limit"], row["source"]) for row in told] == [
        ("api_key", 5, "rule"),
        ("global", 10_000, "default"),
    ]
    assert "default" in commands.shown("limit", "show", key_id(key))


def test_a_default_is_a_setting(commands, key):
    commands.data.joinpath("gatewayops.toml").write_text('[limits]\ndefault_global = "0"\n')
    assert [row["scope"] for row in commands.json("limit", "show", key_id(key))["limits"]] == ["api_key"]

    commands.data.joinpath("gatewayops.toml").write_text('[limits]\ndefault_user = "often"\n')
    assert "limits.default_user" in commands.refused("limit", "list", code=2)


@pytest.mark.parametrize(
    ("words", "named", "code"),
    [
        (("set", "key", "key_nobody", "5/m"), "no key of that id or prefix", 1),
        (("set", "user", "nobody@example.com", "5/m"), "no user of that id or e-mail", 1),
        (("set", "global", "somebody", "5/m"), "global has no subject", 2),
        (("set", "key", "5/m"), "name one key", 2),
        (("set", "global", "often"), "100/m", 2),
        (("remove", "limit_nobody"), "no limit of that id", 1),
        (("remove", "global"), "no limit was set", 1),
        (("remove", "planet", "earth"), "key, user, team, server, global", 2),
        (("show", "key_nobody"), "no key", 1),
        (("set", "key", "nobody", "5/m"), "no key has the id, name or prefix nobody", 1),
    ],
)
def test_mistakes_are_named(commands, words, named, code):
    assert named in commands.refused("limit", *words, code=code)
