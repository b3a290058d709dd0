"""`gatewayops alert` on a data directory."""


def test_rules_are_added_switched_and_listed(commands):
    words = ("--kind", "error_rate", "--threshold", "20", "--split-by", "tool", "--server", "files")
    made = commands.json("alert", "rule", "add", "files fails", *words, "--window", "10m", "--for", "1m")
    assert (made["threshold"], made["window_s"], made["for_s"], made["state"]) == (20.0, 600, 60, "ok")

    commands.shown("alert", "rule", "disable", "files fails")
    listed = commands.shown("alert", "rule", "list")
    assert "files, each tool" in listed
    assert "off" in listed
    assert "none of the rules" in commands.refused("alert", "rule", "remove", "nobody")


def test_a_channel_is_added_and_tested(commands):
    mail = commands.data / "mail"
    commands.data.mkdir(exist_ok=True)
    commands.data.joinpath("gatewayops.toml").write_text(f'[alerts]\nmail_folder = "{mail}"\n')
    commands.shown("alert", "channel", "add", "ops", "--kind", "email", "--to", "ops@example.com")

    assert "written to msg_" in commands.shown("alert", "channel", "test", "ops")
    assert "This is a test of the channel ops." in next(mail.iterdir()).read_text()


def test_silences_objectives_and_incidents(commands):
    silence = commands.json("alert", "silence", "add", "--for", "3h", "--reason", "release")
    commands.shown("alert", "silence", "remove", silence["id"])
    commands.shown("alert", "slo", "add", "reads", "files", "read", "--objective", "99.5")
    assert "99.5" in commands.shown("alert", "slo", "list")
    assert "No incidents." in commands.shown("alert", "incident", "list")
