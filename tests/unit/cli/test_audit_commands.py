"""`gatewayops audit` on a data directory: listing, exporting, proving, erasing."""

import json

from click.testing import CliRunner

from gatewayops.cli.root import root


def verify(*words):
    """Needs no data directory."""
    return CliRunner().invoke(root, ["audit", "verify", *map(str, words)])


def test_what_was_done_is_listed(commands):
    commands.json("key", "create", "agent")
    entries = commands.json("audit", "list", "--action", "key.*")["entries"]
    assert [(entry["action"], entry["target"]["name"]) for entry in entries] == [("key.created", "agent")]
    assert "key.created" in commands.shown("audit", "list")


def test_an_export_is_proven_until_it_is_changed(commands, tmp_path):
    commands.json("key", "create", "agent")
    checkpoints = commands.json("audit", "anchor", "--now")
    assert checkpoints["checkpoints"][0]["size"] == checkpoints["entries"]
    assert checkpoints["public_key"] in commands.shown("audit", "anchor")
    folder = tmp_path / "export"
    assert "manifest.json" in commands.json("audit", "export", str(folder), "--csv")["files"]
    assert "is not empty" in commands.refused("audit", "export", str(folder), code=2)
    proven = verify(folder, "--public-key", checkpoints["public_key"])
    assert proven.exit_code == 0
    assert "proven" in proven.stdout
    entries = folder / "entries.jsonl"
    entries.write_text(entries.read_text().replace("agent", "angel"))
    changed = verify(folder)
    assert changed.exit_code == 1
    assert "was changed" in changed.stderr
    assert json.loads(verify(folder, "--json").stdout)["proven"] is False


def test_an_anchor_in_a_file_is_met(commands, tmp_path, monkeypatch):
    anchor = tmp_path / "outside" / "anchor.jsonl"
    monkeypatch.setenv("GATEWAYOPS_AUDIT__ANCHOR_FILE", str(anchor))
    commands.json("key", "create", "agent")
    assert "file" in commands.shown("audit", "anchor", "--now")
    commands.json("audit", "export", str(tmp_path / "export"))
    assert "1 times" in verify(tmp_path / "export", "--anchor", anchor).stdout


def test_a_folder_without_an_export_is_refused(tmp_path):
    done = verify(tmp_path)
    assert done.exit_code == 2
    assert "no manifest.json" in done.stderr


def test_a_person_is_erased_when_asked_twice(commands):
    commands.json("user", "add", "ada@example.com")
    assert "Aborted" in commands.run("audit", "erase", "ada@example.com").stderr
    assert commands.json("audit", "erase", "ada@example.com", "--yes") == {"values": 2}
    assert "ada@example.com" not in commands.shown("audit", "list")
