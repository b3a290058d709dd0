"""Users' own accounts at the MCP servers behind."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    op.add_column(
        "mcp_servers", sa.Column("upstream_auth", sa.String(16), nullable=False, server_default="none")
    )
    op.add_column("mcp_servers", sa.Column("upstream_scopes", sa.JSON, nullable=False, server_default="[]"))
    op.create_table(
        "upstream_clients",
        *_owned(),
        _ref("server_id", "mcp_servers.id"),
        _text("issuer", 2048),
        _text("kind", 16),
        _text("client_id", 2048),
        _text("auth_method", 32),
        _text("redirect_uri", 2048),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("server_id", "issuer", name="uq_upstream_clients_server_id_issuer"),
    )
    op.create_table(
        "upstream_accounts",
        *_owned(),
        *_whose(),
        _text("state", 16),
        _text("failure"),
        sa.Column("sealed_access", sa.LargeBinary, nullable=False),
        sa.Column("sealed_refresh", sa.LargeBinary, nullable=False),
        _moment("connected_at"),
        _moment("renewed_at", nullable=True),
        _moment("expires_at", nullable=True),
        _moment("renew_at", nullable=True),
        sa.UniqueConstraint("server_id", "user_id", name="uq_upstream_accounts_server_id_user_id"),
    )
    for columns in (["org_id", "created_at", "id"], ["user_id"], ["renew_at"]):
        op.create_index(f"ix_upstream_accounts_{'_'.join(columns)}", "upstream_accounts", columns)
    op.create_table(
        "upstream_sign_ins",
        *_owned(),
        *_whose(),
        _text("session_id"),
        _text("state_hash", 64),
        sa.Column("sealed_verifier", sa.LargeBinary, nullable=False),
        sa.Column("sends_iss", sa.Boolean, nullable=False),
        _moment("expires_at"),
        sa.UniqueConstraint("state_hash", name="uq_upstream_sign_ins_state_hash"),
    )
    op.create_index("ix_upstream_sign_ins_expires_at", "upstream_sign_ins", ["expires_at"])


def downgrade() -> None:
    """Back to the one before."""
    for table in ("upstream_sign_ins", "upstream_accounts", "upstream_clients"):
        op.drop_table(table)
    for column in ("upstream_scopes", "upstream_auth"):
        op.drop_column("mcp_servers", column)


def _owned() -> tuple[Any, ...]:
    return (
        sa.Column("id", sa.String(255), nullable=False, primary_key=True),
        _ref("org_id", "organisations.id"),
        _moment("created_at"),
    )


def _whose() -> tuple[Any, ...]:
    """Whose it is, and where; the server as it was then."""
    return (
        _ref("server_id", "mcp_servers.id"),
        _ref("user_id", "users.id"),
        _ref("client_ref", "upstream_clients.id"),
        _text("scope", 4096),
        *(
            _text(name, 2048)
            for name in ("url", "issuer", "token_endpoint", "revocation_endpoint", "resource")
        ),
    )


def _ref(name: str, to: str) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(255), sa.ForeignKey(to, ondelete="CASCADE"), nullable=False)


def _text(name: str, length: int = 255) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(length), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
