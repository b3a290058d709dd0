"""`gatewayops alert` on a data directory."""

import asyncio

from gatewayops.base import clock
from gatewayops.store.control import alert_channels
from gatewayops.store.control.alert_channels import Channel
from gatewayops.store.control.alert_tables import AlertIncident, AlertNotification
from gatewayops.store.control.database import Database


def test_rules_are_added_switched_and_listed(commands):
    words = ("--kind", "error_rate", "--threshold", "20", "--split-by", "tool", "--server", "files")
    made = commands.json("alert", "rule", "add", "files fails", *words, "--window", "10m", "--for", "1m")
    assert (made["threshold"], made["window_s"], made["for_s"], made["state"]) == (20.0, 600, 60, "ok")

    commands.shown("alert", "rule", "disable", "files fails")
    listed = commands.shown("alert", "rule", "list")
    assert "files, each tool" in listed
    assert "off" in listed
    assert "none of the rules" in commands.refused("alert", "rule", "remove", "nobody")


def test_a_rule_is_shown_with_what_it_watches_and_whom_it_tells(commands):
    commands.shown("alert", "channel", "add", "ops", "--kind", "email", "--to", "ops@example.com")
    words = ("--kind", "latency_percentile", "--threshold", "500", "--window", "90m", "--channel", "ops")
    commands.shown("alert", "rule", "add", "files is slow", *words, "--server", "files")
    shown = dict(
        line.split("  ", 1) for line in commands.shown("alert", "rule", "show", "files is slow").splitlines()
    )
    told = {name: value.strip() for name, value in shown.items()}
    assert (told["of"], told["threshold"], told["percentile"]) == ("files", ">= 500 ms", "95")
    assert (told["window"], told["must last"], told["tells"]) == ("90m", "at once", "ops")
    assert told["state"] == "ok"
    assert "measure" not in told
    made = commands.json("alert", "rule", "show", "files is slow")["rule"]
    assert (made["window_s"], made["name"]) == (5400, "files is slow")


def test_the_log_of_deliveries_is_listed_by_pages_state_and_channel(commands):
    asyncio.run(deliver(commands.data / "control.db", 3))
    listed = commands.shown("alert", "deliveries", "--limit", "2")
    assert listed.count("200 ok") == 2
    cursor = listed.rpartition("--cursor ")[2].strip()
    assert commands.shown("alert", "deliveries", "--cursor", cursor).count("200 ok") == 1
    assert "No messages." in commands.shown("alert", "deliveries", "--state", "failed")
    assert commands.shown("alert", "deliveries", "--channel", "ops", "--state", "sent").count("ops") == 3
    assert "none of the channels" in commands.refused("alert", "deliveries", "--channel", "nobody")


async def deliver(path, count):
    """A channel that was told of so many incidents."""
    database = Database.open(f"sqlite+aiosqlite:///{path}")
    org, now = "org_default", clock.now()
    async with database.session() as session:
        channel = Channel("channel_1", org, "ops", "email", "ops@example.com", b"", True, now)
        await alert_channels.add(session, channel)
        for number in range(count):
            session.add(incident_row(number, org, now))
            await session.flush()
            session.add(delivery_row(number, org, now))
    await database.close()


def incident_row(number, org, now):
    texts = dict.fromkeys(("server", "tool", "team_id", "subject", "summary"), "")
    return AlertIncident(
        id=f"incident_{number}", org_id=org, created_at=now, rule_id="r", rule_name="r", kind="error_rate",
        severity="info", open_key=None, state="resolved", value=1.0, threshold=1.0, is_told=True,
        resolved_at=now, **texts,
    )  # fmt: skip


def delivery_row(number, org, now):
    return AlertNotification(
        id=f"msg_{number}", org_id=org, created_at=now, incident_id=f"incident_{number}",
        channel_id="channel_1", channel_name="ops", event="firing", body={}, state="sent", attempts=1,
        next_at=now, claim="", last_answer="200 ok", sent_at=now,
    )  # fmt: skip


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
