"""Destinations of exports."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    op.create_table(
        "export_destinations",
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("org_id", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("preset", sa.String(16), nullable=False),
        sa.Column("endpoint", sa.String(2048), nullable=False),
        sa.Column("header_names", sa.JSON(), nullable=False),
        sa.Column("headers_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("is_gzip", sa.Boolean(), nullable=False),
        sa.Column("allows_private", sa.Boolean(), nullable=False),
        sa.Column("with_payloads", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("statuses", sa.JSON(), nullable=False),
        sa.Column("sample_ratio", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_export_destinations"),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name="fk_export_destinations_org_id_organisations",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("org_id", "name", name="uq_export_destinations_org_id_name"),
    )


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("export_destinations")
