"""What is sent to each kind of channel, and what is refused as an address."""

import base64
import hashlib
import hmac
import smtplib

import msgspec
import pytest

from gatewayops.alerts.channels import (
    ChannelKind,
    Destination,
    Post,
    destination_of,
    pagerduty_body,
    signed,
    slack_body,
    webhook_body,
)
from gatewayops.alerts.message import Message
from gatewayops.alerts.outbox import wait_s
from gatewayops.alerts.posting import SendFailed
from gatewayops.alerts.settings import AlertSettings
from gatewayops.base.errors import InvalidInput

FIRING = Message(
    incident_id="incident_1",
    organization="org_default",
    state="firing",
    rule_id="arule_1",
    rule="Calls of a server fail",
    kind="error_rate",
    severity="critical",
    subject="files",
    server="files",
    tool="",
    team="",
    summary="30% of 100 calls of <files> failed in 5 minutes (threshold 20%)",
    value=30.0,
    threshold=20.0,
    started_at="2026-05-04T12:00:00Z",
)
OVER = msgspec.structs.replace(FIRING, state="resolved", resolved_at="2026-05-04T12:05:00Z")
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
KEY = "R0UT1NGKEY" * 3


def test_a_webhook_is_signed_as_standard_webhooks_are():
    body = webhook_body(FIRING)
    headers = signed(body, SECRET, message_id="msg_1", now_s=1_700_000_000)

    digest = hmac.new(b"k" * 24, b"msg_1.1700000000." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", "1700000000")
    assert msgspec.json.decode(body)["type"] == "alert.firing"


def test_pagerduty_is_triggered_and_resolved_by_the_incident():
    begun, over = pagerduty_body(FIRING, KEY), pagerduty_body(OVER, KEY)

    assert (begun["event_action"], over["event_action"]) == ("trigger", "resolve")
    assert begun["dedup_key"] == over["dedup_key"] == "incident_1"
    assert begun["payload"]["severity"] == "critical"
    assert KEY not in str(begun["payload"])


def test_slack_reads_no_links_or_mentions_out_of_names():
    text = str(slack_body(FIRING))

    assert "&lt;files&gt;" in text
    assert "<" not in text
    assert slack_body(OVER)["text"] == "[RESOLVED] Calls of a server fail: files"


async def test_mail_is_written_to_a_folder_for_development(tmp_path):
    settings = AlertSettings(mail_folder=str(tmp_path / "mail"))
    destination = Destination("ada@example.com, bob@example.com")
    await Post(settings).send(ChannelKind.EMAIL, destination, OVER, message_id="msg_1")

    mail = (tmp_path / "mail" / "msg_1.eml").read_text()
    assert "To: ada@example.com, bob@example.com" in mail
    assert "Subject: [RESOLVED] Calls of a server fail: files" in mail


async def test_mail_without_a_server_says_which_setting_is_missing():
    with pytest.raises(SendFailed, match=r"alerts\.smtp_host"):
        await Post(AlertSettings()).send(
            ChannelKind.EMAIL, Destination("ada@example.com"), FIRING, message_id="msg_1"
        )


async def test_mail_goes_through_the_server_of_the_settings(monkeypatch):
    sent = []

    class Server:
        def __init__(self, host, port, timeout):
            sent.append(f"{host}:{port}")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def starttls(self, context):
            sent.append("tls")

        def login(self, user, password):
            sent.append(f"{user} {password}")

        def send_message(self, mail, to_addrs):
            sent.append(mail["Subject"])
            return {to_addrs[1]: (550, b"no")}

    monkeypatch.setattr(smtplib, "SMTP", Server)
    settings = AlertSettings(smtp_host="mail.example.com", smtp_user="ops", smtp_password="pw")
    destination = Destination("ada@example.com, bob@example.com")
    answer = await Post(settings).send(ChannelKind.EMAIL, destination, FIRING, message_id="msg_1")

    assert sent == ["mail.example.com:587", "tls", "ops pw", "[CRITICAL] Calls of a server fail: files"]
    assert answer == "taken for 1 of 2 recipients"


@pytest.mark.parametrize(
    ("kind", "address", "secret", "named"),
    [
        ("slack", "", "", "secret"),
        ("slack", "", "ftp://hooks.example.com/x", "secret"),
        ("pagerduty", "", "short", "secret"),
        ("webhook", "", "", "address"),
        ("webhook", "https://user:pw@example.com/", "", "address"),
        ("webhook", "https://example.com/", "whsec_short", "secret"),
        ("email", "nobody", "", "address"),
        ("email", "a@example.com\r\nBcc: b@example.com", "", "address"),
    ],
)
def test_a_destination_that_cannot_be_is_refused_by_the_field(kind, address, secret, named):
    with pytest.raises(InvalidInput, match=f"^{named}: ") as refused:
        destination_of(ChannelKind(kind), address=address, secret=secret)
    assert not secret or secret not in refused.value.detail


def test_a_webhook_without_a_secret_gets_one():
    made = destination_of(ChannelKind.WEBHOOK, address="https://example.com/", secret="")

    assert made.secret.startswith("whsec_")
    assert destination_of(ChannelKind.WEBHOOK, address="https://example.com/", secret=made.secret) == made


def test_of_slack_only_the_host_may_be_shown():
    made = destination_of(ChannelKind.SLACK, address="", secret="https://hooks.slack.com/services/T/B/x")

    assert made.address == "hooks.slack.com"


@pytest.mark.parametrize(
    ("attempts", "asked_s", "chance", "expected"),
    [(1, 0, 0, 1), (1, 0, 1, 2), (4, 0, 1, 16), (40, 0, 1, 300), (1, 60, 0, 60), (1, 9_999, 0, 300)],
)
def test_attempts_come_less_and_less_often(attempts, asked_s, chance, expected):
    assert wait_s(attempts, AlertSettings(), asked_s=asked_s, chance=chance) == expected
