"""The OAuth server for end users, and how a server is protected."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLES = (
    "end_users",
    "end_user_sessions",
    "oauth_clients",
    "oauth_consents",
    "oauth_requests",
    "oauth_grants",
    "oauth_codes",
    "oauth_refresh_tokens",
    "oauth_signing_keys",
    "oauth_revocations",
)
_LISTED = ("end_users", "end_user_sessions", "oauth_clients", "oauth_consents", "oauth_grants")


def upgrade() -> None:
    """To this step: servers that are there stay as they were, with a name for addresses."""
    _end_users()
    _clients()
    _flows()
    _keys()
    for table in _LISTED:
        op.create_index(f"ix_{table}_org_id_created_at_id", table, ["org_id", "created_at", "id"])
    op.add_column("mcp_servers", sa.Column("auth", sa.String(16), nullable=False, server_default="api_key"))
    op.add_column("mcp_servers", sa.Column("slug", sa.String(128), nullable=False, server_default=""))
    op.add_column("mcp_servers", sa.Column("oauth_scopes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "mcp_servers", sa.Column("allows_sign_up", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    _name_servers()
    op.create_index("ix_mcp_servers_slug", "mcp_servers", ["slug"], unique=True)


def downgrade() -> None:
    """Back to the one before."""
    op.drop_index("ix_mcp_servers_slug", "mcp_servers")
    for name in ("auth", "slug", "oauth_scopes", "allows_sign_up"):
        op.drop_column("mcp_servers", name)
    for table in reversed(_TABLES):
        op.drop_table(table)


def _end_users() -> None:
    op.create_table(
        "end_users",
        *_owned(),
        _text("email"),
        _text("name"),
        _text("password_hash"),
        _moment("disabled_at", nullable=True),
        _moment("signed_in_at", nullable=True),
        sa.UniqueConstraint("org_id", "email"),
    )
    op.create_table(
        "end_user_sessions",
        *_owned(),
        _part_of("server_id", "mcp_servers"),
        _part_of("end_user_id", "end_users"),
        _text("hash", 64),
        _text("address", 64),
        _text("user_agent"),
        _moment("used_at"),
        _moment("expires_at"),
        _moment("revoked_at", nullable=True),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_end_user_sessions_end_user_id", "end_user_sessions", ["end_user_id"])


def _clients() -> None:
    op.create_table(
        "oauth_clients",
        *_owned(),
        _part_of("server_id", "mcp_servers"),
        _text("client_id", 512),
        _text("kind", 16),
        _text("name"),
        sa.Column("redirect_uris", sa.JSON(), nullable=False),
        _text("auth_method", 32),
        _text("secret_hash", 64),
        _text("jwks", 16_384),
        _text("jwks_uri", 2048),
        _text("scope", 2048),
        _moment("fresh_until", nullable=True),
        _moment("disabled_at", nullable=True),
        sa.UniqueConstraint("server_id", "client_id"),
    )
    op.create_table(
        "oauth_consents",
        *_owned(),
        _part_of("server_id", "mcp_servers"),
        _part_of("end_user_id", "end_users"),
        _part_of("client_ref", "oauth_clients"),
        _text("scope", 2048),
        sa.UniqueConstraint("server_id", "end_user_id", "client_ref"),
    )
    op.create_table(
        "oauth_requests",
        _text("id", primary_key=True),
        _part_of("org_id", "organisations"),
        _part_of("server_id", "mcp_servers"),
        _part_of("client_ref", "oauth_clients"),
        _text("browser_hash", 64),
        _text("redirect_uri", 2048),
        _text("state", 4096),
        _text("scope", 2048),
        _text("challenge", 64),
        _moment("must_sign_in_after", nullable=True),
        _moment("expires_at"),
        _moment("finished_at", nullable=True),
    )
    op.create_index("ix_oauth_requests_expires_at", "oauth_requests", ["expires_at"])


def _flows() -> None:
    op.create_table(
        "oauth_grants",
        *_owned(),
        _part_of("server_id", "mcp_servers"),
        _part_of("end_user_id", "end_users"),
        _part_of("client_ref", "oauth_clients"),
        _text("scope", 2048),
        _moment("used_at"),
        _moment("revoked_at", nullable=True),
        _text("revoked_for", 32),
    )
    tokens = (
        ("oauth_codes", (_text("redirect_uri", 2048), _text("challenge", 64))),
        ("oauth_refresh_tokens", (sa.Column("successor_sealed", sa.LargeBinary(), nullable=True),)),
    )
    for table, own in tokens:
        op.create_table(
            table,
            _text("hash", 64, primary_key=True),
            _part_of("org_id", "organisations"),
            _part_of("server_id", "mcp_servers"),
            _part_of("grant_id", "oauth_grants"),
            _part_of("client_ref", "oauth_clients"),
            _moment("expires_at"),
            _moment("used_at", nullable=True),
            *own,
        )
        op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])
    op.create_index("ix_oauth_grants_end_user_id", "oauth_grants", ["end_user_id"])
    op.create_index("ix_oauth_grants_client_ref", "oauth_grants", ["client_ref"])
    op.create_index("ix_oauth_refresh_tokens_grant_id", "oauth_refresh_tokens", ["grant_id"])


def _keys() -> None:
    op.create_table(
        "oauth_signing_keys",
        *_owned(),
        _text("state", 8),
        sa.Column("public_jwk", sa.JSON(), nullable=False),
        sa.Column("private_sealed", sa.LargeBinary(), nullable=False),
        _moment("since"),
    )
    op.create_index("ix_oauth_signing_keys_org_id_state", "oauth_signing_keys", ["org_id", "state"])
    op.create_table(
        "oauth_revocations",
        _text("id", primary_key=True),
        _part_of("org_id", "organisations"),
        _text("kind", 12),
        _text("subject", 512),
        sa.Column("before_s", sa.BigInteger(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_oauth_revocations_until_s", "oauth_revocations", ["until_s"])


def _name_servers() -> None:
    """The first to have a name keeps it; others get their organisation's slug besides."""
    servers = sa.table("mcp_servers", *map(sa.column, ("id", "org_id", "name", "slug", "created_at")))
    orgs = sa.table("organisations", sa.column("id"), sa.column("slug"))
    query = sa.select(servers.c.id, servers.c.name, orgs.c.slug)
    query = query.join(orgs, orgs.c.id == servers.c.org_id).order_by(servers.c.created_at, servers.c.id)
    connection, taken = op.get_bind(), set()
    for number, (server_id, name, org) in enumerate(connection.execute(query).all()):
        slug = next(one for one in (name, f"{name}-{org}"[:128], f"{name}-{number}") if one not in taken)
        taken.add(slug)
        connection.execute(servers.update().where(servers.c.id == server_id).values(slug=slug))


def _owned() -> tuple[Any, ...]:
    return _text("id", primary_key=True), _part_of("org_id", "organisations"), _moment("created_at")


def _text(name: str, length: int = 255, *, primary_key: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(length), nullable=False, primary_key=primary_key)


def _part_of(name: str, table: str) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(255), sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
