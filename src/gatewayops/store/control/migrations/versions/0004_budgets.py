"""Budgets, overrides and the ledger."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    _owned_table(
        "budgets",
        *(sa.Column(name, sa.String(255), nullable=False) for name in ("name", "subject")),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("is_hard", sa.Boolean(), nullable=False),
        sa.Column("grace_percent", sa.Integer(), nullable=False),
        sa.Column("grace_keys", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("org_id", "name", name="uq_budgets_org_id_name"),
    )
    op.create_index("ix_budgets_org_id_scope_subject", "budgets", ["org_id", "scope", "subject"])
    _owned_table(
        "budget_overrides",
        sa.Column("budget_id", sa.String(255), nullable=False),
        sa.Column("extra_micros", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        _of_budget("budget_overrides"),
    )
    op.create_index("ix_budget_overrides_budget_id", "budget_overrides", ["budget_id"])
    _owned_table(
        "budget_events",
        sa.Column("budget_id", sa.String(255), nullable=False),
        sa.Column("period_start", sa.String(10), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("spent_micros", sa.BigInteger(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        _of_budget("budget_events"),
        sa.UniqueConstraint(
            "budget_id",
            "period_start",
            "threshold",
            name="uq_budget_events_budget_id_period_start_threshold",
        ),
    )
    _ledger()


def downgrade() -> None:
    """Back to the one before."""
    for table in ("spool_positions", "ledger_entries", "budget_events", "budget_overrides", "budgets"):
        op.drop_table(table)


def _ledger() -> None:
    who = ("key_id", "user_id", "team_id", "project_id", "server", "tool")
    op.create_table(
        "ledger_entries",
        sa.Column("org_id", sa.String(255), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        *(sa.Column(name, sa.String(255), nullable=False) for name in who),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "day", *who, name="pk_ledger_entries"),
    )
    op.create_table(
        "spool_positions",
        sa.Column("consumer", sa.String(32), nullable=False),
        sa.Column("segment", sa.String(100), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "segment", name="pk_spool_positions"),
    )


def _owned_table(name: str, *items: Any) -> None:  # noqa: ANN401 - columns and constraints share no type
    op.create_table(
        name,
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("org_id", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=f"fk_{name}_org_id_organisations", ondelete="CASCADE"
        ),
        *items,
    )


def _of_budget(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_budget_id_budgets"
    return sa.ForeignKeyConstraint(["budget_id"], ["budgets.id"], name=name, ondelete="CASCADE")
