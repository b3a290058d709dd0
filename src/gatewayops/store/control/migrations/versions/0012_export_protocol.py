"""The protocol of an export destination."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step: destinations that are there go on with protobuf over HTTP."""
    column = sa.Column("protocol", sa.String(16), nullable=False, server_default="http/protobuf")
    op.add_column("export_destinations", column)


def downgrade() -> None:
    """Back to the one before."""
    op.drop_column("export_destinations", "protocol")
