"""The channels: what a person gives for each, what of it is secret, and how a message is sent.

Slack incoming webhooks; PagerDuty Events API v2, with the incident as `dedup_key`; webhooks signed as
Standard Webhooks are (https://www.standardwebhooks.com); e-mail by SMTP, or into a folder; apprise for the
rest.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from enum import StrEnum
from typing import assert_never
from urllib.parse import urlsplit

import msgspec

from gatewayops.alerts import other_services
from gatewayops.alerts.mail import Mailer
from gatewayops.alerts.message import Message
from gatewayops.alerts.posting import Sending, post
from gatewayops.alerts.settings import AlertSettings
from gatewayops.base.errors import InvalidInput
from gatewayops.upstream.address import AddressRefused, AddressUnknown, check_url, resolve

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
_PAGERDUTY_KEY = re.compile(r"[A-Za-z0-9]{20,64}")
_ADDRESS = re.compile(r"[^\s@,<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")
_MAX_RECIPIENTS = 20
_SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks begin secrets
_COLOURS = {"info": "#2563eb", "warning": "#d97706", "critical": "#dc2626"}
_RECOVERED = "#16a34a"


class ChannelKind(StrEnum):
    """How a channel is told."""

    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    WEBHOOK = "webhook"
    EMAIL = "email"
    APPRISE = "apprise"


class Destination(msgspec.Struct, frozen=True):
    """What a channel needs: `address` may be shown, `secret` is sealed."""

    address: str
    secret: str = ""


def destination_of(kind: ChannelKind, *, address: str, secret: str) -> Destination:
    """Checks what was given. Raises InvalidInput that names the field, never the value of a secret.

    Slack's URL, PagerDuty's integration key and apprise's URL are the secret; a webhook without one gets one.
    """
    match kind:
        case ChannelKind.SLACK:
            if not secret:
                msg = "secret: the incoming webhook's URL"
                raise InvalidInput(msg)
            return Destination(_host(secret, field="secret"), secret)
        case ChannelKind.PAGERDUTY:
            if not _PAGERDUTY_KEY.fullmatch(secret):
                msg = "secret: the integration key of the service (Events API v2)"
                raise InvalidInput(msg)
            _host(address or PAGERDUTY_URL, field="address")
            return Destination(address or PAGERDUTY_URL, secret)
        case ChannelKind.WEBHOOK:
            _host(address, field="address")
            made = secret or _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()
            _signing_key(made)
            return Destination(address, made)
        case ChannelKind.EMAIL:
            return Destination(", ".join(_recipients(address)))
        case ChannelKind.APPRISE:
            return Destination(other_services.scheme_of(secret), secret)
        case unreachable:
            assert_never(unreachable)


async def check_reach(kind: ChannelKind, destination: Destination, settings: AlertSettings) -> None:
    """Raises InvalidInput for an address that nothing is sent to; a name may be made later.

    And Forbidden for a service that the installation does not allow.
    """
    is_secret = kind in (ChannelKind.SLACK, ChannelKind.APPRISE)
    try:
        if kind is ChannelKind.APPRISE:
            await other_services.check(destination.secret, settings)
        elif kind is not ChannelKind.EMAIL:
            parts = urlsplit(destination.secret if is_secret else destination.address)
            allows = settings.allow_private_channels
            await resolve(parts.hostname or "", parts.port or 443, allows_private=allows)
    except AddressRefused as error:
        field = "secret" if is_secret else "address"
        msg = f"{field}: {error.detail} (alerts.allow_private_channels lets it where it is private)"
        raise InvalidInput(msg, error.reason) from error
    except AddressUnknown:
        return


class Post:
    """Sends messages. One a process; holds no connection."""

    def __init__(self, settings: AlertSettings) -> None:
        """Of the settings."""
        self._sending = Sending(settings.send_timeout_s, settings.allow_private_channels)
        self._mailer = Mailer(settings)
        self._settings = settings

    async def send(
        self, kind: ChannelKind, destination: Destination, message: Message, *, message_id: str
    ) -> str:
        """What the other side said. Raises SendFailed.

        `message_id` is the same each time that one message is tried: receivers drop what they have.
        """
        match kind:
            case ChannelKind.SLACK:
                body = msgspec.json.encode(slack_body(message))
                return await post(destination.secret, body, {}, sending=self._sending)
            case ChannelKind.PAGERDUTY:
                body = msgspec.json.encode(pagerduty_body(message, destination.secret))
                return await post(destination.address, body, {}, sending=self._sending)
            case ChannelKind.WEBHOOK:
                body = webhook_body(message)
                headers = signed(body, destination.secret, message_id=message_id, now_s=int(time.time()))
                return await post(destination.address, body, headers, sending=self._sending)
            case ChannelKind.EMAIL:
                recipients = _recipients(destination.address)
                return await self._mailer.send(recipients, message, message_id=message_id)
            case ChannelKind.APPRISE:
                return await other_services.send(destination.secret, message, self._settings)
            case unreachable:
                assert_never(unreachable)


def slack_body(message: Message) -> dict[str, object]:
    """An incoming webhook's message: a line for notifications, and an attachment with a colour."""
    colour = _RECOVERED if message.resolved_at else _COLOURS[message.severity]
    text = f"{_slack_text(message.summary)}\n_since {message.started_at}_ · `{message.incident_id}`"
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {
        "text": _slack_text(message.title),
        "attachments": [{"color": colour, "blocks": [block]}],
    }


def _slack_text(text: str) -> str:
    """Slack reads `<…>` as links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pagerduty_body(message: Message, routing_key: str) -> dict[str, object]:
    """An Events API v2 event: `trigger`, and `resolve` with the same `dedup_key`."""
    event: dict[str, object] = {"routing_key": routing_key, "dedup_key": message.incident_id}
    if message.resolved_at:
        return event | {"event_action": "resolve"}
    payload = {
        "summary": f"{message.title}: {message.summary}"[:1024],
        "source": message.subject,
        "severity": message.severity,
        "timestamp": message.started_at,
        "component": message.server,
        "group": message.rule,
        "class": message.kind,
        "custom_details": msgspec.to_builtins(message),
    }
    return event | {"event_action": "trigger", "client": "GatewayOps", "payload": payload}


def webhook_body(message: Message) -> bytes:
    """`type`, `timestamp` and `data`, as Standard Webhooks have it."""
    when = message.resolved_at or message.started_at
    told = {"type": f"alert.{message.state}", "timestamp": when, "data": msgspec.to_builtins(message)}
    return msgspec.json.encode(told)


def signed(body: bytes, secret: str, *, message_id: str, now_s: int) -> dict[str, str]:
    """The headers of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`."""
    content = f"{message_id}.{now_s}.".encode() + body
    digest = hmac.new(_signing_key(secret), content, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _signing_key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_SECRET_PREFIX) or not 24 <= len(key) <= 64:
        msg = "secret: whsec_ and 24 to 64 bytes in base64; leave it out to have one made"
        raise InvalidInput(msg)
    return key


def _host(url: str, *, field: str) -> str:
    """The host of a URL of the web."""
    check_url(url, field=field)
    return urlsplit(url).hostname or ""


def _recipients(address: str) -> list[str]:
    found = [part.strip() for part in address.split(",") if part.strip()]
    if not 1 <= len(found) <= _MAX_RECIPIENTS or not all(map(_ADDRESS.fullmatch, found)):
        msg = f"address: 1 to {_MAX_RECIPIENTS} e-mail addresses, with commas between"
        raise InvalidInput(msg)
    return found
