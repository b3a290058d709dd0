"""Alerts: rules, channels, silences, objectives; how rules stand, incidents, and the outbox of messages."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LIST_ORDER = ["org_id", "created_at", "id"]


def upgrade() -> None:
    """To this step."""
    _decided()
    _happened()


def _decided() -> None:
    _owned_table(
        "alert_slos",
        *_texts("name", "server", "tool"),
        sa.Column("objective_percent", sa.Double(), nullable=False),
        sa.Column("period_days", sa.Integer(), nullable=False),
        _moment("updated_at"),
        sa.UniqueConstraint("org_id", "name", name="uq_alert_slos_org_id_name"),
    )
    _owned_table(
        "alert_rules",
        *_texts("name", "server", "tool", "team_id"),
        sa.Column("kind", sa.String(24), nullable=False),
        *(sa.Column(name, sa.String(8), nullable=False) for name in _WORDS),
        sa.Column("threshold", sa.Double(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _WHOLE),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("slo_id", sa.String(255), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        _moment("updated_at"),
        sa.ForeignKeyConstraint(
            ["slo_id"], ["alert_slos.id"], name="fk_alert_rules_slo_id_alert_slos", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("org_id", "name", name="uq_alert_rules_org_id_name"),
    )
    op.create_index("ix_alert_rules_org_id_created_at_id", "alert_rules", _LIST_ORDER)
    _owned_table(
        "alert_channels",
        *_texts("name"),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("address", sa.String(2048), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("is_for_all", sa.Boolean(), nullable=False),
        _moment("updated_at"),
        sa.UniqueConstraint("org_id", "name", name="uq_alert_channels_org_id_name"),
    )
    _owned_table(
        "alert_silences",
        *_texts("rule_id", "server", "tool", "made_by"),
        sa.Column("severity", sa.String(8), nullable=False),
        _moment("until"),
        sa.Column("reason", sa.String(1000), nullable=False),
    )
    op.create_index("ix_alert_silences_org_id_until", "alert_silences", ["org_id", "until"])


def _happened() -> None:
    op.create_table(
        "alert_defaults",
        sa.Column("org_id", sa.String(255), nullable=False),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("org_id", name="pk_alert_defaults"),
        _of_organisation("alert_defaults"),
    )
    op.create_table(
        "alert_watches",
        *_texts("rule_id", "org_id"),
        sa.Column("turn", sa.Integer(), nullable=False),
        _moment("next_at"),
        sa.Column("states", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name="pk_alert_watches"),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["alert_rules.id"], name="fk_alert_watches_rule_id_alert_rules", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_alert_watches_next_at", "alert_watches", ["next_at"])
    _owned_table(
        "alert_incidents",
        *_texts("rule_id", "rule_name", "server", "tool", "team_id", "subject"),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("open_key", sa.String(600), nullable=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("summary", sa.String(1000), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        _moment("resolved_at", is_empty=True),
        sa.UniqueConstraint("open_key", name="uq_alert_incidents_open_key"),
    )
    op.create_index("ix_alert_incidents_org_id_created_at_id", "alert_incidents", _LIST_ORDER)
    op.create_index("ix_alert_incidents_rule_id", "alert_incidents", ["rule_id"])
    _notifications()


def _notifications() -> None:
    table = "alert_notifications"
    _owned_table(
        table,
        *_texts("incident_id", "channel_id", "channel_name"),
        sa.Column("event", sa.String(8), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _moment("next_at"),
        sa.Column("claim", sa.String(40), nullable=False),
        sa.Column("last_answer", sa.String(500), nullable=False),
        _moment("sent_at", is_empty=True),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["alert_incidents.id"],
            name="fk_alert_notifications_incident_id_alert_incidents",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "incident_id", "channel_id", "event", name="uq_alert_notifications_incident_id_channel_id_event"
        ),
    )
    op.create_index("ix_alert_notifications_state_next_at", table, ["state", "next_at"])
    op.create_index("ix_alert_notifications_org_id_created_at_id", table, _LIST_ORDER)


def downgrade() -> None:
    """Back to the one before."""
    for name in _TABLES:
        op.drop_table(name)


_WORDS = ("split_by", "direction", "measure", "severity")
_WHOLE = ("percentile", "window_s", "for_s", "min_calls")
_TABLES = (
    "alert_notifications",
    "alert_incidents",
    "alert_watches",
    "alert_defaults",
    "alert_silences",
    "alert_channels",
    "alert_rules",
    "alert_slos",
)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(255), nullable=False) for name in names]


def _moment(name: str, *, is_empty: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=is_empty)


def _of_organisation(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_org_id_organisations"
    return sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=name, ondelete="CASCADE")


def _owned_table(name: str, *items: Any) -> None:  # noqa: ANN401 - columns and constraints share no type
    op.create_table(
        name,
        *_texts("id", "org_id"),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        _of_organisation(name),
        *items,
    )
