"""Second factors: authenticator apps, passkeys, recovery codes, sign-ins that wait, and what is asked for."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = ("user_totps", "user_passkeys", "recovery_codes", "pending_sign_ins")


def upgrade() -> None:
    """To this step."""
    op.create_table(
        "sign_in_policies",
        *_owned(),
        _text("second_factor", 12),
        sa.UniqueConstraint("org_id", name="uq_sign_in_policies_org_id"),
    )
    op.create_table(
        "user_totps",
        *_of_user(),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        _moment("confirmed_at", nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        _moment("failed_at", nullable=True),
        sa.UniqueConstraint("user_id", name="uq_user_totps_user_id"),
    )
    op.create_table(
        "user_passkeys",
        *_of_user(),
        _text("name"),
        _text("credential_id", 1400),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        _moment("used_at", nullable=True),
        sa.UniqueConstraint("credential_id", name="uq_user_passkeys_credential_id"),
    )
    op.create_table(
        "recovery_codes",
        *_of_user(),
        _text("hash", 64),
        _moment("used_at", nullable=True),
        sa.UniqueConstraint("hash", name="uq_recovery_codes_hash"),
    )
    op.create_table(
        "pending_sign_ins",
        *_of_user(),
        _text("hash", 64),
        _text("method", 40),
        _text("step", 12),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _moment("expires_at"),
        sa.UniqueConstraint("hash", name="uq_pending_sign_ins_hash"),
    )
    op.create_table(
        "passkey_challenges",
        sa.Column("hash", sa.String(64), nullable=False, primary_key=True),
        _text("purpose", 12),
        _text("bound_to"),
        _moment("expires_at"),
    )
    for table in ("pending_sign_ins", "passkey_challenges"):
        op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])
    for table in _TABLES[1:]:
        op.create_index(f"ix_{table}_user_id", table, ["user_id"])
    _add_columns()


def _add_columns() -> None:
    op.add_column("user_sessions", sa.Column("method", sa.String(40), nullable=False, server_default=""))
    op.add_column("user_sessions", _moment("confirmed_at", nullable=True))
    op.add_column(
        "user_passwords", sa.Column("is_by_mail", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Back to the one before."""
    op.drop_column("user_passwords", "is_by_mail")
    op.drop_column("user_sessions", "confirmed_at")
    op.drop_column("user_sessions", "method")
    for table in ("passkey_challenges", *reversed(_TABLES), "sign_in_policies"):
        op.drop_table(table)


def _of_user() -> tuple[Any, ...]:
    user = sa.ForeignKey("users.id", ondelete="CASCADE")
    return *_owned(), sa.Column("user_id", sa.String(255), user, nullable=False)


def _owned() -> tuple[Any, ...]:
    org = sa.ForeignKey("organisations.id", ondelete="CASCADE")
    return (
        sa.Column("id", sa.String(255), nullable=False, primary_key=True),
        sa.Column("org_id", sa.String(255), org, nullable=False),
        _moment("created_at"),
    )


def _text(name: str, length: int = 255) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(length), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
