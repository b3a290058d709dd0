"""The audit log and its checkpoints, with triggers that keep them append-only."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from gatewayops.store.control import audit_guards

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = (
    "audit_windows",
    "audit_anchors",
    "audit_checkpoints",
    "audit_personal",
    "audit_entries",
    "audit_chains",
)


def upgrade() -> None:
    """To this step."""
    _chains()
    _checkpoints()
    for statement in audit_guards.statements(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Back to the one before."""
    for table in _TABLES:
        op.drop_table(table)
    for statement in audit_guards.removal(op.get_bind().dialect.name):
        op.execute(statement)


def _chains() -> None:
    _table(
        "audit_chains",
        ("org_id",),
        _text("org_id"),
        _number("seq"),
        _bytes("hash"),
        _time("at"),
        _number("pruned_to"),
    )
    _table(
        "audit_entries",
        ("org_id", "seq"),
        _text("org_id"),
        _number("seq"),
        _time("at"),
        *map(_text, ("action", "actor_id", "target_id", "target_name")),
        _bytes("body"),
        _bytes("hash"),
    )
    op.create_index("ix_audit_entries_org_id_at", "audit_entries", ["org_id", "at"])
    for column in ("action", "actor_id", "target_id"):
        op.create_index(f"ix_audit_entries_org_id_{column}_seq", "audit_entries", ["org_id", column, "seq"])
    _table(
        "audit_personal",
        ("org_id", "seq", "path"),
        _text("org_id"),
        _number("seq"),
        _text("path"),
        _text("salt", 32),
        _text("value", 500),
    )
    op.create_index("ix_audit_personal_org_id_value", "audit_personal", ["org_id", "value"])


def _checkpoints() -> None:
    _table(
        "audit_checkpoints",
        ("org_id", "size"),
        _text("org_id"),
        _number("size"),
        _time("at"),
        _bytes("head"),
        _bytes("frontier"),
        sa.Column("signed", sa.Text(), nullable=False),
    )
    _table(
        "audit_anchors",
        ("org_id", "size", "anchor"),
        _text("org_id"),
        _number("size"),
        _text("anchor", 16),
        sa.Column("anchored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _text("error", 500),
    )
    _table(
        "audit_windows",
        ("org_id", "fingerprint"),
        _text("org_id"),
        _text("fingerprint", 64),
        _time("until"),
        _number("repeats"),
        _time("first_at"),
        _time("last_at"),
        _bytes("sample"),
    )


def _table(name: str, key: tuple[str, ...], *columns: sa.Column[Any]) -> None:
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"))


def _text(name: str, length: int = 255) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
