"""Branding of sign-in pages, verified addresses of end users, and the links that are mailed to them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step. Servers that are there let in whom they let in before; new ones ask for more."""
    op.add_column(
        "mcp_servers",
        sa.Column("requires_verified_email", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("end_users", _moment("email_verified_at", nullable=True))
    op.create_table(
        "server_brandings",
        *_owned(),
        _ref("server_id", "mcp_servers.id"),
        _text("product_name"),
        _text("accent_color", 7),
        _text("terms_url", 2048),
        _text("privacy_url", 2048),
        _text("support_email"),
        _text("logo_type", 32),
        _text("logo_sha256", 64),
        sa.Column("logo", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("server_id", name="uq_server_brandings_server_id"),
    )
    op.create_table(
        "end_user_links",
        *_owned(),
        _ref("server_id", "mcp_servers.id"),
        _ref("end_user_id", "end_users.id"),
        _text("kind", 16),
        _text("hash", 64),
        _text("email"),
        _text("request_id"),
        _moment("expires_at"),
        _moment("used_at", nullable=True),
        sa.UniqueConstraint("hash", name="uq_end_user_links_hash"),
    )
    for column in ("end_user_id", "expires_at"):
        op.create_index(f"ix_end_user_links_{column}", "end_user_links", [column])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("end_user_links")
    op.drop_table("server_brandings")
    op.drop_column("end_users", "email_verified_at")
    op.drop_column("mcp_servers", "requires_verified_email")


def _owned() -> tuple[Any, ...]:
    return (
        sa.Column("id", sa.String(255), nullable=False, primary_key=True),
        _ref("org_id", "organisations.id"),
        _moment("created_at"),
    )


def _ref(name: str, to: str) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(255), sa.ForeignKey(to, ondelete="CASCADE"), nullable=False)


def _text(name: str, length: int = 255) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(length), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
