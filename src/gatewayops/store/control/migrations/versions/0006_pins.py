"""Definitions of tools, pinned."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    _owned_table(
        "pinning_settings",
        sa.Column("mode", sa.String(8), nullable=False),
        sa.UniqueConstraint("org_id", name="uq_pinning_settings_org_id"),
    )
    _owned_table(
        "tool_catalogues",
        sa.Column("server_id", sa.String(255), nullable=False),
        sa.Column("mode", sa.String(8), nullable=True),
        _moment("listed_at"),
        _moment("asked_at"),
        _moment("ask_at"),
        sa.Column("failure", sa.String(500), nullable=True),
        sa.UniqueConstraint("server_id", name="uq_tool_catalogues_server_id"),
        _refers("tool_catalogues", "server_id", "mcp_servers"),
    )
    _owned_table(
        "tool_pins",
        sa.Column("server_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("approved_definition", sa.LargeBinary(), nullable=True),
        sa.Column("approved_hash", sa.String(80), nullable=True),
        sa.Column("other_definition", sa.LargeBinary(), nullable=True),
        sa.Column("other_hash", sa.String(80), nullable=True),
        sa.Column("current_hash", sa.String(80), nullable=False),
        sa.Column("rejected_hash", sa.String(80), nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        _moment("changed_at", nullable=False),
        _moment("last_seen_at", nullable=False),
        sa.Column("decided_by", sa.String(255), nullable=True),
        _moment("decided_at"),
        sa.UniqueConstraint("server_id", "name", name="uq_tool_pins_server_id_name"),
        _refers("tool_pins", "server_id", "mcp_servers"),
    )


def downgrade() -> None:
    """Back to the one before."""
    for table in ("tool_pins", "tool_catalogues", "pinning_settings"):
        op.drop_table(table)


def _owned_table(name: str, *items: Any) -> None:  # noqa: ANN401 - columns and constraints share no type
    op.create_table(
        name,
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("org_id", sa.String(255), nullable=False),
        _moment("created_at", nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        _refers(name, "org_id", "organisations"),
        *items,
    )


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{other}"
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="CASCADE")


def _moment(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
