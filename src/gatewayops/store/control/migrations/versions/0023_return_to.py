"""Where somebody wanted to go is kept while a sign-in waits for its second step."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    op.add_column(
        "pending_sign_ins", sa.Column("return_to", sa.String(1024), nullable=False, server_default="/")
    )


def downgrade() -> None:
    """Back to the one before."""
    op.drop_column("pending_sign_ins", "return_to")
