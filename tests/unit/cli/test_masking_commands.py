"""`gatewayops masking` on a data directory."""

import json


def test_rules_are_added_listed_tried_and_removed(commands, tmp_path):
    made = commands.json("masking", "add", "employee", "--regex", r"EMP-\d+")
    commands.shown("masking", "add", "diagnosis", "--field", "diagnosis")
    commands.shown("masking", "add", "iban", "--path", "$..iban")
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps({"diagnosis": "flu", "t": "EMP-1", "a": {"iban": 5}}))

    assert made == {"name": "employee", "kind": "regex", "pattern": r"EMP-\d+"}
    assert "$..iban" in commands.shown("masking", "list")
    tried = commands.json("masking", "preview", str(sample))
    assert {row["name"] for row in tried["hits"]} == {"employee", "diagnosis", "iban"}
    assert "[masked:trial]" in commands.shown("masking", "preview", str(sample), "--field", "t")
    commands.shown("masking", "remove", "iban")
    assert [rule["name"] for rule in commands.json("masking", "list")["rules"]] == ["diagnosis", "employee"]
    assert "no masking rule" in commands.refused("masking", "remove", "iban")


def test_a_rule_that_cannot_be_is_explained(commands):
    assert "RE2" in commands.refused("masking", "add", "x", "--regex", "(")
    assert "one of --regex" in commands.refused("masking", "add", "x", code=2)
    assert "one of --regex" in commands.refused("masking", "add", "x", "--regex", "a", "--field", "b", code=2)


def test_what_cannot_be_a_name_or_a_text_is_said(commands, tmp_path):
    sample = tmp_path / "sample.bin"
    sample.write_bytes(b"\xff\xfe")

    for name in ("a/b", "", "..", "../classes/email"):
        assert "neither a name nor an id" in commands.refused("masking", "remove", name, code=2)
    assert "UTF-8" in commands.refused("masking", "preview", str(sample), code=2)
    assert "UTF-8" in commands.refused("masking", "add", "x", "--field", "\udcff", code=2)


def test_classes_of_secrets_are_switched_off_knowingly(commands):
    assert "acknowledge" in commands.refused("masking", "off", "card")
    commands.shown("masking", "off", "card", "--acknowledge-secrets-in-records")
    commands.shown("masking", "on", "email")
    on = {row["name"]: row["is_on"] for row in commands.json("masking", "list")["classes"]}
    assert (on["card"], on["email"], on["ssn"]) == (False, True, True)
    assert commands.json("masking", "on", "card")["is_on"] is True
