"""Sign-in at identity providers: providers, domains, identities, attempts; who gave a role."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_VERIFIED = sa.text("verified_at IS NOT NULL")


def upgrade() -> None:
    """To this step."""
    _providers()
    op.create_table(
        "sso_domains",
        *_owned(),
        _provider(),
        _text("domain"),
        _text("proof", 64),
        _moment("verified_at", nullable=True),
        _text("verified_by", 16),
        sa.UniqueConstraint("org_id", "domain", name="uq_sso_domains_org_id_domain"),
    )
    op.create_index("ix_sso_domains_provider_id", "sso_domains", ["provider_id"])
    op.create_index(
        "uq_sso_domains_verified",
        "sso_domains",
        ["domain"],
        unique=True,
        sqlite_where=_VERIFIED,
        postgresql_where=_VERIFIED,
    )
    op.create_table(
        "user_identities",
        *_owned(),
        _provider(),
        sa.Column("user_id", sa.String(255), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        _text("issuer", 2048),
        _text("subject"),
        _text("email"),
        _text("team_id"),
        _moment("used_at"),
        sa.UniqueConstraint("provider_id", "subject", name="uq_user_identities_provider_id_subject"),
        sa.UniqueConstraint("provider_id", "user_id", name="uq_user_identities_provider_id_user_id"),
    )
    op.create_index("ix_user_identities_user_id", "user_identities", ["user_id"])
    op.create_table(
        "sso_attempts",
        *_owned(),
        _provider(),
        _text("state_hash", 64),
        _text("browser_hash", 64),
        _text("nonce"),
        sa.Column("verifier_sealed", sa.LargeBinary(), nullable=False),
        _text("return_to", 1024),
        _moment("expires_at"),
        _moment("used_at", nullable=True),
        sa.UniqueConstraint("state_hash", name="uq_sso_attempts_state_hash"),
    )
    op.create_index("ix_sso_attempts_expires_at", "sso_attempts", ["expires_at"])
    for table in ("identity_providers", "sso_domains"):
        op.create_index(f"ix_{table}_org_id_created_at_id", table, ["org_id", "created_at", "id"])
    op.add_column("role_bindings", _text("given_by", default=""))
    op.add_column("user_sessions", _text("provider_id", default=""))
    op.add_column(
        "users", sa.Column("is_break_glass", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Back to the one before."""
    op.drop_column("users", "is_break_glass")
    op.drop_column("user_sessions", "provider_id")
    op.drop_column("role_bindings", "given_by")
    for table in ("sso_attempts", "user_identities", "sso_domains", "identity_providers"):
        op.drop_table(table)


def _providers() -> None:
    op.create_table(
        "identity_providers",
        *_owned(),
        _text("kind", 16),
        _text("name", 63),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        *(
            sa.Column(name, sa.Boolean(), nullable=False)
            for name in ("is_enabled", "is_sso_required", "trusts_email", "is_jit")
        ),
        _text("jit_role_id"),
        _text("jit_team_id"),
        sa.Column("group_mappings", sa.JSON(), nullable=False),
        sa.Column("session_hours", sa.Integer(), nullable=False),
        sa.UniqueConstraint("org_id", "name", name="uq_identity_providers_org_id_name"),
    )


def _owned() -> tuple[Any, ...]:
    org = sa.ForeignKey("organisations.id", ondelete="CASCADE")
    return (
        sa.Column("id", sa.String(255), nullable=False, primary_key=True),
        sa.Column("org_id", sa.String(255), org, nullable=False),
        _moment("created_at"),
    )


def _provider() -> Any:  # noqa: ANN401 - a column
    known = sa.ForeignKey("identity_providers.id", ondelete="CASCADE")
    return sa.Column("provider_id", sa.String(255), known, nullable=False)


def _text(name: str, length: int = 255, *, default: str | None = None) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(length), nullable=False, server_default=default)


def _moment(name: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
