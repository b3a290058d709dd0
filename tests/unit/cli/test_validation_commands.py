"""`gatewayops validation` and `transform` on a data directory."""

import json


def test_a_rule_is_set_shown_tried_and_removed(commands):
    made = commands.json(
        *("validation", "set", "--server", "db", "--schema", "report", "--max-depth", "7"),
        *("--pattern", "sql_injection=block", "--own", "card=report=[0-9]{16}=?"),
    )

    assert made["own_patterns"] == [{"name": "card", "mode": "report", "pattern": "[0-9]{16}=?"}]
    assert "sql_injection=block, card=report" in commands.shown("validation", "list")
    refused = commands.json("validation", "check", "db", "query", '{"q":"1 union select 2"}')
    assert refused["reason"] == "pattern_denied"
    assert "yes" in commands.shown("validation", "check", "db", "query", '{"q":"ordinary"}')
    commands.shown("validation", "remove", "--server", "db")
    assert "No validation rules" in commands.shown("validation", "list")
    assert "db" in commands.refused("validation", "remove", "--server", "db")


def test_a_rule_that_is_written_wrongly_says_how(commands):
    assert "SET=MODE" in commands.refused("validation", "set", "--pattern", "sql_injection", code=2)
    assert "RE2" in commands.refused("validation", "set", "--own", "x=block=(")
    assert "say what holds" in commands.refused("validation", "set", "--server", "db", code=2)


def test_the_starters_are_shown(commands):
    assert "path_traversal" in commands.shown("validation", "patterns")


def test_a_transformation_comes_from_a_file_and_goes_by_name(commands, tmp_path):
    file = tmp_path / "t.json"
    file.write_text(
        json.dumps(
            {
                "name": "limit",
                "request": [{"op": "set", "path": "/n", "value": 1}],
                "headers": {"X-A": "s3cret"},
            }
        )
    )

    made = commands.json("transform", "add", str(file))

    assert made["header_names"] == ["X-A"]
    shown = commands.shown("transform", "list")
    assert "set /n" in shown
    assert "s3cret" not in shown
    commands.shown("transform", "remove", "limit")
    assert "No transformations" in commands.shown("transform", "list")
    assert "no transformation" in commands.refused("transform", "remove", "limit")
    file.write_text("{")
    assert "is not JSON" in commands.refused("transform", "add", str(file), code=2)
