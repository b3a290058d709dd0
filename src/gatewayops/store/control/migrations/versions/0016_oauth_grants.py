"""More ways to a token: devices, machines, enterprise issuers; clients that manage their registration."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_GRANTS = '["authorization_code", "refresh_token"]'
_TABLES = ("used_assertions", "identity_subjects", "identity_issuers", "oauth_device_codes")


def upgrade() -> None:
    """To this step."""
    op.drop_column("oauth_grants", "used_at")
    op.add_column(
        "oauth_clients", sa.Column("grant_types", sa.JSON(), nullable=False, server_default=_GRANTS)
    )
    op.add_column("oauth_clients", _text("registration_token_hash", 64, server_default=""))
    op.add_column("oauth_requests", _text("device_hash", 64, server_default=""))
    op.create_table(
        "oauth_device_codes",
        _text("hash", 64, primary_key=True),
        _text("user_code_hash", 64),
        _part_of("org_id", "organisations"),
        _part_of("server_id", "mcp_servers"),
        _part_of("client_ref", "oauth_clients"),
        _text("scope", 2048),
        _part_of("grant_id", "oauth_grants", nullable=True),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        _moment("polled_at", nullable=True),
        _moment("expires_at"),
        _moment("denied_at", nullable=True),
        _moment("used_at", nullable=True),
        sa.UniqueConstraint(
            "server_id", "user_code_hash", name="uq_oauth_device_codes_server_id_user_code_hash"
        ),
    )
    op.create_table(
        "identity_issuers",
        *_owned(),
        _text("name"),
        _text("issuer", 512),
        _text("jwks_uri", 2048),
        sa.UniqueConstraint("org_id", "issuer", name="uq_identity_issuers_org_id_issuer"),
    )
    op.create_table(
        "identity_subjects",
        *_owned(),
        _part_of("issuer_id", "identity_issuers"),
        _text("subject"),
        _part_of("end_user_id", "end_users"),
        sa.UniqueConstraint("issuer_id", "subject", name="uq_identity_subjects_issuer_id_subject"),
    )
    op.create_index("ix_identity_subjects_end_user_id", "identity_subjects", ["end_user_id"])
    op.create_table(
        "used_assertions",
        _text("hash", 64, primary_key=True),
        _part_of("org_id", "organisations"),
        _moment("expires_at"),
    )
    for table in ("oauth_device_codes", "used_assertions"):
        op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])


def downgrade() -> None:
    """Back to the one before."""
    for table in _TABLES:
        op.drop_table(table)
    op.drop_column("oauth_requests", "device_hash")
    op.drop_column("oauth_clients", "registration_token_hash")
    op.drop_column("oauth_clients", "grant_types")
    op.add_column("oauth_grants", _moment("used_at", server_default="2026-01-01 00:00:00+00:00"))


def _owned() -> tuple[Any, ...]:
    return _text("id", primary_key=True), _part_of("org_id", "organisations"), _moment("created_at")


def _part_of(name: str, table: str, *, nullable: bool = False) -> Any:  # noqa: ANN401 - a column
    return sa.Column(
        name, sa.String(255), sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable
    )


def _text(name: str, length: int = 255, **more: Any) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.String(length), nullable=False, **more)


def _moment(name: str, *, nullable: bool = False, **more: Any) -> Any:  # noqa: ANN401 - a column
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, **more)
