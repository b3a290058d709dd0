"""The first tables: organisations and their directory, keys, servers, prices, the revision."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
    )
    op.create_table(
        "organisations",
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("slug", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("masks_contacts", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
        sa.UniqueConstraint("slug", name="uq_organisations_slug"),
    )
    _directory()
    _servers_and_prices()
    _keys()


def downgrade() -> None:
    """Back to nothing."""
    for table in ("api_key_secrets", "api_keys", "price_rules", "mcp_servers", "users", "projects", "teams"):
        op.drop_table(table)
    op.drop_table("organisations")
    op.drop_table("revision")


def _owned_table(name: str, *items: Any) -> None:  # noqa: ANN401 - columns and constraints share no type
    op.create_table(
        name,
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("org_id", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        _refers(name, "org_id", "organisations", ondelete="CASCADE"),
        *items,
    )


def _refers(table: str, column: str, other: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{other}"
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete=ondelete)


def _directory() -> None:
    _owned_table(
        "teams",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("parent_id", sa.String(255)),
        _refers("teams", "parent_id", "teams"),
        sa.UniqueConstraint("org_id", "name", name="uq_teams_org_id_name"),
    )
    _owned_table(
        "projects",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("team_id", sa.String(255)),
        _refers("projects", "team_id", "teams"),
        sa.UniqueConstraint("org_id", "name", name="uq_projects_org_id_name"),
    )
    _owned_table(
        "users",
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("team_id", sa.String(255)),
        _refers("users", "team_id", "teams"),
        sa.UniqueConstraint("org_id", "email", name="uq_users_org_id_email"),
    )


def _servers_and_prices() -> None:
    _owned_table(
        "mcp_servers",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=False),
        sa.Column("connect_timeout_s", sa.Double(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("max_in_flight", sa.Integer(), nullable=False),
        sa.Column("allows_private", sa.Boolean(), nullable=False),
        sa.Column("header_names", sa.JSON(), nullable=False),
        sa.Column("sealed_headers", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("org_id", "name", name="uq_mcp_servers_org_id_name"),
    )
    _owned_table(
        "price_rules",
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("tool", sa.String(255), nullable=False),
        sa.Column("per_call_micros", sa.BigInteger(), nullable=False),
        sa.Column("input_micros_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("output_micros_per_mtok", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("org_id", "server", "tool", name="uq_price_rules_org_id_server_tool"),
    )


def _keys() -> None:
    _owned_table(
        "api_keys",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("env", sa.String(12), nullable=False),
        sa.Column("prefix", sa.String(24), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("user_id", sa.String(255)),
        sa.Column("team_id", sa.String(255)),
        sa.Column("project_id", sa.String(255)),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        _refers("api_keys", "user_id", "users"),
        _refers("api_keys", "team_id", "teams"),
        _refers("api_keys", "project_id", "projects"),
    )
    op.create_index("ix_api_keys_org_id_created_at_id", "api_keys", ["org_id", "created_at", "id"])
    _owned_table(
        "api_key_secrets",
        sa.Column("key_id", sa.String(255), nullable=False),
        sa.Column("prefix", sa.String(24), nullable=False),
        sa.Column("hash", sa.String(80), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True)),
        _refers("api_key_secrets", "key_id", "api_keys", ondelete="CASCADE"),
    )
    op.create_index("ix_api_key_secrets_key_id", "api_key_secrets", ["key_id"])
    op.create_index("ix_api_key_secrets_prefix", "api_key_secrets", ["prefix"])
