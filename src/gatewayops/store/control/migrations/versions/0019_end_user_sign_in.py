"""Servers with hosts of their own; how sign-in looks, other providers, and mail for end users."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = (
    "slug_claims",
    "brandings",
    "end_user_providers",
    "end_user_identities",
    "end_user_sso_attempts",
    "end_user_links",
)


def upgrade() -> None:
    """To this step: servers keep their slugs, end users of before have no verified address."""
    op.create_table("slug_claims", _text("slug", 128, primary_key=True), _text("org_id"))
    servers = sa.table("mcp_servers", sa.column("slug"), sa.column("org_id"))
    claims = sa.table("slug_claims", sa.column("slug"), sa.column("org_id"))
    taken = sa.select(servers.c.slug, servers.c.org_id).where(servers.c.slug != "")
    op.execute(claims.insert().from_select(["slug", "org_id"], taken))
    op.add_column("mcp_servers", _flag("needs_verified_email", server_default=sa.false()))
    op.add_column("mcp_servers", sa.Column("allowed_origins", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("end_users", _moment("email_verified_at", nullable=True))
    _brandings()
    _providers()
    op.create_table(
        "end_user_links",
        _text("hash", 64, primary_key=True),
        _part_of("org_id", "organisations"),
        _part_of("server_id", "mcp_servers"),
        _part_of("end_user_id", "end_users"),
        _text("kind", 8),
        _text("email"),
        _moment("expires_at"),
        _moment("used_at", nullable=True),
    )
    op.create_index("ix_end_user_links_end_user_id", "end_user_links", ["end_user_id"])
    op.create_index("ix_end_user_links_expires_at", "end_user_links", ["expires_at"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_column("end_users", "email_verified_at")
    for name in ("needs_verified_email", "allowed_origins"):
        op.drop_column("mcp_servers", name)
    for table in reversed(_TABLES):
        op.drop_table(table)


def _brandings() -> None:
    op.create_table(
        "brandings",
        *_owned(),
        _text("scope"),
        _part_of("server_id", "mcp_servers", nullable=True),
        _text("display_name"),
        _text("color", 7),
        _text("terms_url", 1024),
        _text("privacy_url", 1024),
        sa.Column("logo", sa.LargeBinary(), nullable=False),
        _text("logo_hash", 64),
        _moment("updated_at"),
        sa.UniqueConstraint("org_id", "scope"),
    )


def _providers() -> None:
    op.create_table(
        "end_user_providers",
        *_owned(),
        _part_of("server_id", "mcp_servers", nullable=True),
        _text("name", 63),
        _text("label"),
        _text("kind", 8),
        _text("issuer", 1024),
        _text("client_id"),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        _flag("allows_private"),
        _moment("disabled_at", nullable=True),
        sa.UniqueConstraint("org_id", "name"),
    )
    op.create_index(
        "ix_end_user_providers_org_id_created_at_id", "end_user_providers", ["org_id", "created_at", "id"]
    )
    op.create_table(
        "end_user_identities",
        *_owned(),
        _part_of("provider_id", "end_user_providers"),
        _part_of("end_user_id", "end_users"),
        _text("subject"),
        _text("email"),
        sa.UniqueConstraint("provider_id", "subject"),
        sa.UniqueConstraint("provider_id", "end_user_id"),
    )
    op.create_index("ix_end_user_identities_end_user_id", "end_user_identities", ["end_user_id"])
    op.create_table(
        "end_user_sso_attempts",
        _text("hash", 64, primary_key=True),
        _part_of("org_id", "organisations"),
        _part_of("server_id", "mcp_servers"),
        _part_of("provider_id", "end_user_providers"),
        _text("request_id"),
        _text("browser_hash", 64),
        _text("nonce", 64),
        sa.Column("verifier_sealed", sa.LargeBinary(), nullable=False),
        _moment("expires_at"),
    )
    op.create_index("ix_end_user_sso_attempts_expires_at", "end_user_sso_attempts", ["expires_at"])


def _owned() -> tuple[Any, ...]:
    return _text("id", primary_key=True), _part_of("org_id", "organisations"), _moment("created_at")


def _text(name: str, length: int = 255, *, primary_key: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(length), nullable=False, primary_key=primary_key)


def _flag(name: str, **options: Any) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.Boolean(), nullable=False, **options)


def _part_of(name: str, table: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.String(255), key, nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
