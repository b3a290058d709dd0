"""`gatewayops role` and `policy` on a data directory."""

import pytest


@pytest.fixture
def ada(commands):
    commands.shown("team", "add", "platform")
    commands.shown("team", "add", "search", "--parent", "platform")
    return commands.json("user", "add", "ada@example.com", "--team", "search")


def test_a_viewers_key_is_made_in_one_line(commands):
    made = commands.json("key", "create", "agent", "--role", "viewer")

    assert made["id"].startswith("key_")
    assert made["roles"] == ["viewer"]
    assert "viewer" in commands.shown("key", "show", "agent")
    assert "role: no role" in commands.refused("key", "create", "agent", "--role", "viewr", code=1)
    assert "--role" in commands.refused("key", "create", "x", "--role", "viewer", "--admin", code=2)


def test_a_role_lives_from_creation_to_removal(commands, ada):
    made = commands.json(
        "role", "create", "support",
        "--allow", "files:tools.*:get_*", "--allow", "*:resources.read:file:///pub/*",
        "--allow", "traces.read", "--deny", "files:tools.call:get_all",
    )  # fmt: skip
    rules = [(row["effect"], row["server"], row["action"], row["named"]) for row in made["permissions"]]
    assert rules == [
        ("allow", "files", "tools.*", "get_*"),
        ("allow", "*", "resources.read", "file:///pub/*"),
        ("allow", "", "traces.read", "*"),
        ("deny", "files", "tools.call", "get_all"),
    ]
    bound = commands.json("role", "bind", "support", "user", "Ada@example.com")
    assert bound["subject"]["id"] == ada["id"]
    assert "held by user ada@example.com" in commands.shown("role", "show", "support")
    assert "unbind it first" in commands.refused("role", "remove", "support")
    changed = commands.json("role", "change", "support", "--allow", "files:tools.call", "--name", "desk")
    assert [row["action"] for row in changed["permissions"]] == ["tools.call"]
    assert "no longer" in commands.shown("role", "unbind", "desk", "user:ada@example.com")
    assert "does not hold" in commands.refused("role", "unbind", "desk", "organization")
    assert "removed" in commands.shown("role", "remove", "desk")
    names = [row["name"] for row in commands.json("role", "list")["roles"]]
    assert names == ["admin", "developer", "viewer"]


def test_subjects_are_written_in_several_ways(commands, ada):
    key = commands.json("key", "create", "agent")
    words = (
        ("organization",), ("team", "search"), ("team:search",), ("user", "ada@example.com"),
        ("ada@example.com",), (ada["id"],), ("key", "agent"), (key["id"],), (f"key:{key['prefix']}",),
    )  # fmt: skip
    kinds = [commands.json("role", "bind", "viewer", *subject)["subject"]["kind"] for subject in words]
    assert kinds == ["organization", "team", "team", "user", "user", "user", "key", "key", "key"]
    for wrong in (("nobody",), ("team",), ("organization", "x"), ("user", "a", "b")):
        assert "SUBJECT" in commands.refused("role", "bind", "viewer", *wrong, code=2)
    assert "no team" in commands.refused("role", "bind", "viewer", "team", "sales")


def test_a_policy_allows_denies_and_is_explained(commands, ada):
    commands.shown("server", "add", "files", "--url", "http://127.0.0.1:3000/mcp")
    commands.shown("key", "create", "agent", "--user", "ada@example.com", "--role", "viewer")
    ask = ("policy", "explain", "agent", "--server", "files", "--tool")
    assert not commands.json(*ask, "read_text")["allowed"]

    allowed = commands.json("policy", "allow", "team", "platform", "--server", "files", "--tool", "read_*")
    assert (allowed["action"], allowed["named"]) == ("tools.*", "read_*")
    commands.shown("policy", "deny", "organization", "--server", "files", "--tool", "*_secret")

    told = commands.shown(*ask, "read_text")
    assert "allowed" in told
    assert f"policy {allowed['id']} of team platform: allow tools.* read_* on files" in told
    told = commands.json(*ask, "read_secret")
    assert (told["allowed"], told["rule"]["inherited_from"]["kind"]) == (False, "organization")
    assert "denied" in commands.shown("policy", "explain", "agent", "--action", "keys.write")
    assert "never" not in commands.shown("policy", "list")
    commands.shown("policy", "remove", allowed["id"])
    assert not commands.json(*ask, "read_text")["allowed"]


def test_a_policy_without_a_meaning_is_refused(commands):
    deny = ("policy", "deny", "organization")
    assert "--server" in commands.refused(*deny, code=2)
    assert "--server" in commands.refused(*deny, "--tool", "x", code=2)
    assert "one of them" in commands.refused(*deny, "--server", "a", "--tool", "x", "--prompt", "y", code=2)
    assert "action" in commands.refused(*deny, "--action", "tools.call")
    assert "tools.call" in commands.refused(*deny, "--server", "*", "--action", "tool.call")
    assert "no key has" in commands.refused("policy", "explain", "nobody", "--action", "keys.read")
    assert "--trace" in commands.refused("policy", "explain", code=2)
