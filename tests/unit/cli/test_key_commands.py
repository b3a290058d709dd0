"""`gatewayops key` on a data directory."""

import re

SECRET = re.compile(r"gwo_[a-z0-9]{1,12}_[0-9A-Za-z]{32}")


def test_a_key_made_without_flags_may_call_every_server_and_read(commands):
    made = commands.json("key", "create", "agent")

    assert SECRET.fullmatch(made["secret"])
    assert made["scopes"] == {"mcp_servers": ["*"], "actions": ["mcp.*", "traces.read", "costs.read"]}


def test_the_secret_is_shown_once_and_stored_nowhere(commands):
    secret = SECRET.search(commands.shown("key", "create", "agent")).group()

    for words in (("key", "list"), ("key", "list", "--json")):
        assert secret not in commands.shown(*words)
    stored = b"".join(path.read_bytes() for path in commands.data.rglob("*") if path.is_file())
    assert secret.encode() not in stored


def test_a_key_is_limited_to_the_servers_and_actions_that_are_named(commands):
    made = commands.json(
        "key", "create", "narrow", "--server", "files", "--action", "tools.call", "--env", "dev"
    )

    assert made["scopes"] == {"mcp_servers": ["files"], "actions": ["tools.call"]}
    assert made["secret"].startswith("gwo_dev_")


def test_an_administrators_key_holds_everything(commands):
    assert commands.json("key", "create", "root", "--admin")["scopes"]["actions"] == ["*"]
    assert "--admin" in commands.refused("key", "create", "root", "--admin", "--action", "tools.call", code=2)


def test_a_key_acts_for_a_person_whose_team_pays(commands):
    team = commands.json("team", "add", "research")
    user = commands.json("user", "add", "ada@example.com", "--team", "research")

    made = commands.json("key", "create", "agent", "--user", "ada@example.com")

    assert made["metadata"]["user_id"] == user["id"]
    assert made["metadata"]["team_id"] == team["id"]


def test_a_key_ends_when_it_is_told_to(commands):
    made = commands.json("key", "create", "short", "--expires", "2099-01-31")

    assert made["expires_at"] == "2099-01-31T00:00:00Z"
    assert "until 2099-01-31" in commands.shown("key", "list")
    assert "--expires" in commands.refused("key", "create", "short", "--expires", "soon", code=2)
    assert "past" in commands.refused("key", "create", "short", "--expires", "2001-01-01")


def test_keys_are_found_by_id_name_and_prefix(commands):
    made = commands.json("key", "create", "agent")

    rotated = commands.json("key", "rotate", "agent")
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_valid_until"]
    assert commands.json("key", "revoke", rotated["prefix"])["revoked_at"]
    assert "revoked" in commands.shown("key", "list", "--revoked")
    assert "No keys yet" in commands.shown("key", "list")


def test_a_name_that_several_keys_have_is_not_guessed(commands):
    ids = [commands.json("key", "create", "twin")["id"] for _ in range(2)]

    said = commands.refused("key", "revoke", "twin")

    assert all(key_id in said for key_id in ids)
    assert "no key has" in commands.refused("key", "revoke", "nobody")
