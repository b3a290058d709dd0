"""Sign-in for an organisation's own people: passwords, sessions, one-time links."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    op.create_table(
        "user_passwords",
        *_owned(),
        _user(),
        _text("password_hash"),
        _moment("changed_at"),
        sa.UniqueConstraint("user_id", name="uq_user_passwords_user_id"),
    )
    op.create_table(
        "user_sessions",
        *_owned(),
        _user(),
        _text("hash", 64),
        _text("address"),
        _text("user_agent"),
        _moment("used_at"),
        _moment("expires_at"),
        _moment("revoked_at", nullable=True),
        sa.UniqueConstraint("hash", name="uq_user_sessions_hash"),
    )
    op.create_index("ix_user_sessions_user_id", "user_sessions", ["user_id"])
    op.create_table(
        "one_time_links",
        *_owned(),
        _text("kind", 16),
        _text("hash", 64),
        _text("email"),
        _text("role_id"),
        _text("team_id"),
        _text("made_by"),
        _moment("expires_at"),
        _moment("used_at", nullable=True),
        sa.UniqueConstraint("hash", name="uq_one_time_links_hash"),
    )
    op.create_index("ix_one_time_links_expires_at", "one_time_links", ["expires_at"])
    for table in ("user_sessions", "one_time_links"):
        op.create_index(f"ix_{table}_org_id_created_at_id", table, ["org_id", "created_at", "id"])
    op.add_column("users", _moment("disabled_at", nullable=True))


def downgrade() -> None:
    """Back to the one before."""
    op.drop_column("users", "disabled_at")
    for table in ("one_time_links", "user_sessions", "user_passwords"):
        op.drop_table(table)


def _owned() -> tuple[Any, ...]:
    org = sa.ForeignKey("organisations.id", ondelete="CASCADE")
    return (
        sa.Column("id", sa.String(255), nullable=False, primary_key=True),
        sa.Column("org_id", sa.String(255), org, nullable=False),
        _moment("created_at"),
    )


def _user() -> Any:  # noqa: ANN401 - a column
    return sa.Column("user_id", sa.String(255), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def _text(name: str, length: int = 255) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(length), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
