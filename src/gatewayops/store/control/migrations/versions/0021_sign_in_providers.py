"""End users sign in at providers of a server's own choice, besides or instead of a password here."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    op.add_column(
        "mcp_servers", sa.Column("offers_password", sa.Boolean, nullable=False, server_default=sa.true())
    )
    op.create_table(
        "sign_in_providers",
        *_owned(),
        _ref("server_id", "mcp_servers.id"),
        _text("kind", 16),
        _text("name", 63),
        _text("issuer", 512),
        _text("client_id", 512),
        _bytes("sealed_secret"),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("email_domains", sa.JSON, nullable=False),
        *(
            sa.Column(name, sa.Boolean, nullable=False)
            for name in ("allows_private", "allows_sign_up", "trusts_email", "is_enabled")
        ),
        sa.UniqueConstraint("server_id", "name", name="uq_sign_in_providers_server_id_name"),
    )
    op.create_table(
        "end_user_identities",
        *_owned(),
        _ref("end_user_id", "end_users.id"),
        _text("issuer", 512),
        _text("subject"),
        _text("email"),
        _moment("used_at"),
        sa.UniqueConstraint(
            "org_id", "issuer", "subject", name="uq_end_user_identities_org_id_issuer_subject"
        ),
    )
    for table in ("sign_in_providers", "end_user_identities"):
        op.create_index(f"ix_{table}_org_id_created_at_id", table, ["org_id", "created_at", "id"])
    op.create_index("ix_end_user_identities_end_user_id", "end_user_identities", ["end_user_id"])
    op.create_table(
        "sign_in_attempts",
        *_owned(),
        _ref("server_id", "mcp_servers.id"),
        _ref("provider_id", "sign_in_providers.id"),
        _text("request_id"),
        _text("state_hash", 64),
        _text("browser_hash", 64),
        _text("nonce", 64),
        _bytes("sealed_verifier"),
        _bytes("identity"),
        _moment("used_at", nullable=True),
        _moment("expires_at"),
        sa.UniqueConstraint("state_hash", name="uq_sign_in_attempts_state_hash"),
    )
    op.create_index("ix_sign_in_attempts_expires_at", "sign_in_attempts", ["expires_at"])


def downgrade() -> None:
    """Back to the one before."""
    for table in ("sign_in_attempts", "end_user_identities", "sign_in_providers"):
        op.drop_table(table)
    op.drop_column("mcp_servers", "offers_password")


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


def _bytes(name: str) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
