"""Roles and who holds them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    _owned_table(
        "roles",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.UniqueConstraint("org_id", "name", name="uq_roles_org_id_name"),
    )
    _owned_table(
        "role_bindings",
        sa.Column("role_id", sa.String(255), nullable=False),
        sa.Column("subject_kind", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.String(255), nullable=False),
        sa.UniqueConstraint(
            "org_id",
            "role_id",
            "subject_kind",
            "subject_id",
            name="uq_role_bindings_org_id_role_id_subject_kind_subject_id",
        ),
    )
    op.create_index(
        "ix_role_bindings_org_id_subject_kind_subject_id",
        "role_bindings",
        ["org_id", "subject_kind", "subject_id"],
    )
    _owned_table(
        "access_policies",
        sa.Column("subject_kind", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.String(255), nullable=False),
        sa.Column("effect", sa.String(5), nullable=False),
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("action", sa.String(255), nullable=False),
        sa.Column("named", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.UniqueConstraint(
            "org_id",
            "subject_kind",
            "subject_id",
            "effect",
            "server",
            "action",
            "named",
            name="uq_access_policies_held",
        ),
    )


def downgrade() -> None:
    """Back to the one before."""
    for table in ("access_policies", "role_bindings", "roles"):
        op.drop_table(table)


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
