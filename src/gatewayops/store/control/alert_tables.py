"""The tables of alerts: what people decide (rules, channels, silences, objectives), and what came of it.

Watches, incidents and notifications are the machine's own: they are written past the unit of work, so that
the log of changes holds changes only.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable, Table

__all__ = [
    "AlertChannel",
    "AlertDefaults",
    "AlertIncident",
    "AlertNotification",
    "AlertRule",
    "AlertSilence",
    "AlertSlo",
    "AlertWatch",
]


class AlertSlo(OwnedTable):
    """What share of a tool's calls shall succeed, over how many days."""

    __tablename__ = "alert_slos"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    name: Mapped[str]
    server: Mapped[str]
    tool: Mapped[str]
    objective_percent: Mapped[float]
    period_days: Mapped[int]
    updated_at: Mapped[datetime]


class AlertRule(OwnedTable):
    """When somebody is to be told. Empty server, tool or team means any; no channels: those for all rules."""

    __tablename__ = "alert_rules"
    __table_args__ = (UniqueConstraint("org_id", "name"), Index(None, "org_id", "created_at", "id"))

    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(24))
    server: Mapped[str]
    tool: Mapped[str]
    team_id: Mapped[str]
    split_by: Mapped[str] = mapped_column(String(8))
    direction: Mapped[str] = mapped_column(String(8))
    measure: Mapped[str] = mapped_column(String(8))
    threshold: Mapped[float]
    percentile: Mapped[int]
    window_s: Mapped[int]
    for_s: Mapped[int]
    min_calls: Mapped[int]
    severity: Mapped[str] = mapped_column(String(8))
    channels: Mapped[list[str]] = mapped_column(JSON())
    slo_id: Mapped[str | None] = mapped_column(ForeignKey("alert_slos.id", ondelete="CASCADE"))
    is_enabled: Mapped[bool]
    updated_at: Mapped[datetime]


class AlertChannel(OwnedTable):
    """Where messages go; `sealed_secret` holds what the address must not show."""

    __tablename__ = "alert_channels"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(2048))
    sealed_secret: Mapped[bytes]
    is_for_all: Mapped[bool]
    updated_at: Mapped[datetime]


class AlertSilence(OwnedTable):
    """Which incidents tell nobody until a moment; empty means any."""

    __tablename__ = "alert_silences"
    __table_args__ = (Index(None, "org_id", "until"),)

    rule_id: Mapped[str]
    server: Mapped[str]
    tool: Mapped[str]
    severity: Mapped[str] = mapped_column(String(8))
    until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(1000))
    made_by: Mapped[str]


class AlertDefaults(Table):
    """The organisations that were given the default rules: once, for they may remove them."""

    __tablename__ = "alert_defaults"

    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[datetime]


class AlertWatch(Table):
    """How a rule stands, whose turn it is to look (`turn` counts), and when."""

    __tablename__ = "alert_watches"

    rule_id: Mapped[str] = mapped_column(ForeignKey("alert_rules.id", ondelete="CASCADE"), primary_key=True)
    org_id: Mapped[str]
    turn: Mapped[int]
    next_at: Mapped[datetime] = mapped_column(index=True)
    states: Mapped[dict[str, Any]] = mapped_column(JSON())


class AlertIncident(OwnedTable):
    """A rule that is or was breached in one scope. `open_key` is there while it is: one at a time."""

    __tablename__ = "alert_incidents"
    __table_args__ = (Index(None, "org_id", "created_at", "id"),)

    rule_id: Mapped[str] = mapped_column(index=True)
    rule_name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(24))
    severity: Mapped[str] = mapped_column(String(8))
    server: Mapped[str]
    tool: Mapped[str]
    team_id: Mapped[str]
    subject: Mapped[str]
    open_key: Mapped[str | None] = mapped_column(String(600), unique=True)
    state: Mapped[str] = mapped_column(String(8))
    summary: Mapped[str] = mapped_column(String(1000))
    value: Mapped[float]
    threshold: Mapped[float]
    is_told: Mapped[bool]
    resolved_at: Mapped[datetime | None]


class AlertNotification(OwnedTable):
    """The outbox, and afterwards the log of deliveries: one row an incident, channel and event."""

    __tablename__ = "alert_notifications"
    __table_args__ = (
        UniqueConstraint("incident_id", "channel_id", "event"),
        Index(None, "state", "next_at"),
        Index(None, "org_id", "created_at", "id"),
    )

    incident_id: Mapped[str] = mapped_column(ForeignKey("alert_incidents.id", ondelete="CASCADE"))
    channel_id: Mapped[str]
    channel_name: Mapped[str]
    event: Mapped[str] = mapped_column(String(8))
    body: Mapped[dict[str, Any]] = mapped_column(JSON())
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    claim: Mapped[str] = mapped_column(String(40))
    last_answer: Mapped[str] = mapped_column(String(500))
    sent_at: Mapped[datetime | None]
