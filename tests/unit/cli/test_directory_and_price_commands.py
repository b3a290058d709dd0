"""`gatewayops team`, `project`, `user`, `price` and `settings` on a data directory."""

import json


def test_teams_make_a_tree_of_projects_and_people(commands):
    above = commands.json("team", "add", "engineering")
    below = commands.json("team", "add", "platform", "--parent", "engineering")
    commands.json("project", "add", "gateway", "--team", "platform")
    commands.json("user", "add", "ada@example.com", "--name", "Ada", "--team", "platform")

    assert below["parent_id"] == above["id"]
    assert "platform" in commands.shown("team", "list")
    assert below["id"] in commands.shown("project", "list")
    assert "ada@example.com" in commands.shown("user", "list")


def test_a_parent_that_is_not_there_is_named(commands):
    assert "parent: no team" in commands.refused("team", "add", "platform", "--parent", "nowhere")


def test_prices_are_set_shown_and_removed_by_what_they_name(commands):
    made = commands.json(
        "price", "set", "--server", "db", "--per-call", "0.01", "--per-token-input", "0.00000025"
    )

    assert made["per_call"] == 0.01
    assert "$0.00000025" in commands.shown("price", "list")
    commands.shown("price", "remove", "--server", "db")
    assert "db" not in commands.shown("price", "list")
    assert "db" in commands.refused("price", "remove", "--server", "db")


def test_the_settings_say_where_a_value_comes_from_and_hide_secrets(commands):
    commands.data.mkdir(exist_ok=True)
    commands.data.joinpath("gatewayops.toml").write_text(
        '[gateway]\nport = 9999\nmetrics_token = "tok-4711"\n'
        '[control_store]\nurl = "postgresql+asyncpg://me:pass-4711@db/x"\n'
    )

    rows = {row["name"]: row for row in json.loads(commands.shown("settings", "--json"))}

    assert rows["gateway.port"] == {"name": "gateway.port", "default": 8080, "value": 9999, "source": "file"}
    assert rows["gateway.host"]["source"] == "default"
    assert rows["control_store.url"]["value"] == "postgresql+asyncpg://(hidden)@db/x"
    assert "4711" not in commands.shown("settings")


def test_a_wrong_setting_stops_the_command_and_names_the_field(commands):
    commands.data.mkdir(exist_ok=True)
    commands.data.joinpath("gatewayops.toml").write_text("[gateway]\nport = 99999\n")

    assert "gateway.port" in commands.refused("server", "list", code=2)
