"""Slugs stay with the organisation that had them first; pages of which origins may call a server."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step: servers keep their slugs, and no page elsewhere may call."""
    op.create_table(
        "slug_claims",
        sa.Column("slug", sa.String(128), nullable=False, primary_key=True),
        sa.Column("org_id", sa.String(255), nullable=False),
    )
    servers = sa.table("mcp_servers", sa.column("slug"), sa.column("org_id"))
    claims = sa.table("slug_claims", sa.column("slug"), sa.column("org_id"))
    taken = sa.select(servers.c.slug, servers.c.org_id).where(servers.c.slug != "")
    op.execute(claims.insert().from_select(["slug", "org_id"], taken))
    op.add_column("mcp_servers", sa.Column("allowed_origins", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Back to the one before."""
    op.drop_column("mcp_servers", "allowed_origins")
    op.drop_table("slug_claims")
