"""What calls must look like, and how they are changed on their way."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    _owned_table(
        "validation_rules",
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("tool", sa.String(255), nullable=False),
        sa.Column("schema_mode", sa.String(12), nullable=True),
        sa.Column("max_bytes", sa.Integer(), nullable=True),
        sa.Column("max_depth", sa.Integer(), nullable=True),
        sa.Column("max_items", sa.Integer(), nullable=True),
        sa.Column("patterns", sa.JSON(), nullable=False),
        sa.Column("own_patterns", sa.JSON(), nullable=False),
        sa.UniqueConstraint("org_id", "server", "tool", name="uq_validation_rules_org_id_server_tool"),
    )
    _owned_table(
        "transform_rules",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("tool", sa.String(255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("header_names", sa.JSON(), nullable=False),
        sa.Column("sealed_headers", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("org_id", "name", name="uq_transform_rules_org_id_name"),
    )
    op.create_index("ix_transform_rules_org_id_position", "transform_rules", ["org_id", "position"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("transform_rules")
    op.drop_table("validation_rules")


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
