"""`gatewayops user invite`, `set-password` and `session` on a data directory."""

import re
from email import message_from_bytes

import pytest
from click.testing import CliRunner

from gatewayops.cli.root import root
from gatewayops.identity import passwords


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch):
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


def set_password(commands, *words, typed):
    arguments = ["user", "set-password", *words, "--data", str(commands.data)]
    return CliRunner().invoke(root, arguments, input=typed)


def test_an_invitation_lies_in_the_outbox_and_can_be_withdrawn(commands):
    shown = commands.shown("user", "invite", "eve@example.com", "--role", "viewer")
    made = re.search(r"link_\w+", shown).group()
    [mail] = (commands.data / "outbox").glob("*.eml")
    text = message_from_bytes(mail.read_bytes()).get_payload(decode=True).decode()
    link = re.search(r"http://127.0.0.1:8080/invitation\?token=(gwl_\w+)", text).group(1)
    assert link not in shown
    assert str(mail.parent) in shown
    assert "eve@example.com" in commands.shown("user", "invitations")
    commands.shown("user", "uninvite", made)
    assert commands.json("user", "invitations")["invitations"] == []
    assert "role" in commands.refused("user", "invite", "eve@example.com", "--role", "no-such")


def test_the_administrator_at_the_machine_sets_a_password(commands):
    commands.shown("user", "add", "ada@example.com")
    done = set_password(commands, "ada@example.com", "--password-stdin", typed="four unrelated words here\n")
    assert (done.exit_code, "four" in done.output) == (0, False)
    typed = "five quite different words\n" * 2
    done = set_password(commands, "ada@example.com", typed=typed)
    assert (done.exit_code, "five" in done.output) == (0, False)
    refused = set_password(commands, "ada@example.com", "--password-stdin", typed="short\n")
    assert (refused.exit_code, "12 to 256" in refused.output) == (1, True)
    assert commands.shown("session", "list") == "Nobody is signed in.\n"
    commands.refused("session", "revoke", "us_none")


def test_second_factors_are_shown_reset_and_required(commands):
    commands.shown("user", "add", "ada@example.com")
    assert commands.json("user", "factors", "ada@example.com")["second_factor"] == "off"
    assert commands.json("organization", "set", "--second-factor", "required")["second_factor"] == "required"
    assert commands.json("organization", "set", "--mask-contacts")["second_factor"] == "required"
    assert "required" in commands.shown("user", "factors", "ada@example.com")
    assert "no second factor any more" in commands.shown("user", "reset-factors", "ada@example.com")
    [mail] = (commands.data / "outbox").glob("*.eml")
    assert "removed your second factors" in mail.read_text()
    assert "say what to change" in commands.refused("organization", "set", code=2)
    commands.refused("user", "factors", "nobody@example.com")
