"""More ways to a token: devices, machines, enterprise issuers; clients that manage their registration."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    op.drop_column("oauth_grants", "used_at")


def downgrade() -> None:
    """Back to the one before."""
    now = sa.func.current_timestamp()
    op.add_column(
        "oauth_grants", sa.Column("used_at", sa.DateTime(timezone=True), nullable=False, server_default=now)
    )
