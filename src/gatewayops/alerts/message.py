"""What a message says: the same for all channels, as it was when the state changed. Pure."""

from datetime import datetime
from typing import Any

import msgspec

from gatewayops.store.control.alert_incidents import Incident


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as channels tell it. Times are ISO 8601 in UTC."""

    incident_id: str
    organization: str
    state: str
    rule_id: str
    rule: str
    kind: str
    severity: str
    subject: str
    server: str
    tool: str
    team: str
    summary: str
    value: float
    threshold: float
    started_at: str
    resolved_at: str | None = None

    @property
    def title(self) -> str:
        """One line."""
        word = "RESOLVED" if self.resolved_at else self.severity.upper()
        return f"[{word}] {self.rule}: {self.subject}"


def message_of(incident: Incident) -> dict[str, Any]:
    """The JSON that the outbox keeps; `read` turns it back."""
    told = Message(
        incident_id=incident.id,
        organization=incident.org_id,
        state=incident.state,
        rule_id=incident.rule_id,
        rule=incident.rule_name,
        kind=incident.kind,
        severity=incident.severity,
        subject=incident.subject,
        server=incident.server,
        tool=incident.tool,
        team=incident.team_id,
        summary=incident.summary,
        value=incident.value,
        threshold=incident.threshold,
        started_at=_iso(incident.created_at),
        resolved_at=_iso(incident.resolved_at) if incident.resolved_at else None,
    )
    body: dict[str, Any] = msgspec.to_builtins(told)
    return body


def read(body: dict[str, Any]) -> Message:
    """What `message_of` made."""
    return msgspec.convert(body, Message)


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
