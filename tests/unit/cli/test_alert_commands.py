"""`gatewayops alert` on a data directory."""


def test_rules_are_added_switched_and_removed(commands):
    words = ("--kind", "error_rate", "--threshold", "20", "--split-by", "tool", "--server", "files")
    made = commands.json("alert", "rule", "add", "files fails", *words, "--window", "10m", "--for", "1m")
    assert (made["threshold"], made["window_s"], made["for_s"], made["state"]) == (20.0, 600, 60, "ok")
    assert "files, each tool" in commands.shown("alert", "rule", "list")

    commands.shown("alert", "rule", "disable", "files fails")
    assert commands.json("alert", "rule", "list")["rules"][0]["state"] == "off"
    commands.shown("alert", "rule", "remove", made["id"])
    assert "alert rule defaults" in commands.shown("alert", "rule", "list")
    assert "rules were made" in commands.shown("alert", "rule", "defaults")


def test_a_channel_is_added_and_tested(commands):
    mail = commands.data / "mail"
    commands.data.mkdir()
    commands.data.joinpath("gatewayops.toml").write_text(f'[alerts]\nmail_folder = "{mail}"\n')
    commands.shown("alert", "channel", "add", "ops", "--kind", "email", "--to", "ops@example.com")

    assert "written to msg_" in commands.shown("alert", "channel", "test", "ops")
    assert "This is a test of the channel ops." in next(mail.iterdir()).read_text()
    commands.shown("alert", "channel", "remove", "ops")
    assert "nobody is told" in commands.shown("alert", "channel", "list")


def test_silences_objectives_and_incidents(commands):
    silence = commands.json("alert", "silence", "add", "--for", "3h", "--reason", "release")
    assert "release" in commands.shown("alert", "silence", "list")
    commands.shown("alert", "silence", "remove", silence["id"])
    commands.shown("alert", "slo", "add", "reads", "files", "read", "--objective", "99.5")
    assert "99.5" in commands.shown("alert", "slo", "list")
    commands.shown("alert", "slo", "remove", "reads")
    assert "No incidents." in commands.shown("alert", "incident", "list")


def test_mistakes_are_named(commands):
    assert "none of the rules" in commands.refused("alert", "rule", "remove", "nobody")
    assert "threshold" in commands.refused(
        "alert", "rule", "add", "r", "--kind", "error_rate", "--threshold", "101"
    )
