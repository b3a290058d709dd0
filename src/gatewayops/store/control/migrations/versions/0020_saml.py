"""SAML assertions that were used up."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    provider = sa.ForeignKey("identity_providers.id", ondelete="CASCADE")
    org = sa.ForeignKey("organisations.id", ondelete="CASCADE")
    op.create_table(
        "saml_assertions",
        sa.Column("provider_id", sa.String(255), provider, nullable=False, primary_key=True),
        sa.Column("id_hash", sa.String(64), nullable=False, primary_key=True),
        sa.Column("org_id", sa.String(255), org, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_saml_assertions_until", "saml_assertions", ["until"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("saml_assertions")
