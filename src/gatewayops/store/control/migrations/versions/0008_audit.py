"""The audit log and its checkpoints, with triggers that keep them append-only."""

from typing import Any

import sqlalchemy as sa
from alembic import op

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
_PRUNED = "(SELECT c.pruned_to FROM audit_chains c WHERE c.org_id = OLD.org_id)"
_IS_CHECKPOINT = (
    "EXISTS (SELECT 1 FROM audit_checkpoints k WHERE k.org_id = NEW.org_id AND k.size = NEW.pruned_to)"
)
# table, what happens to it, when that is refused
_GUARDS = (
    ("audit_entries", "UPDATE", "TRUE"),
    ("audit_entries", "DELETE", f"COALESCE(OLD.seq > {_PRUNED}, TRUE)"),
    ("audit_personal", "UPDATE", "TRUE"),
    ("audit_checkpoints", "UPDATE", "TRUE"),
    ("audit_checkpoints", "DELETE", f"COALESCE(OLD.size >= {_PRUNED}, TRUE)"),
    ("audit_chains", "DELETE", "TRUE"),
    (
        "audit_chains",
        "UPDATE",
        "NEW.org_id <> OLD.org_id OR NEW.seq < OLD.seq OR NEW.pruned_to < OLD.pruned_to"
        " OR (NEW.seq = OLD.seq AND NEW.hash <> OLD.hash)"
        f" OR (NEW.pruned_to <> OLD.pruned_to AND NOT {_IS_CHECKPOINT})",
    ),
)


def upgrade() -> None:
    """To this step."""
    _chains()
    _checkpoints()
    for table, event, refused in _GUARDS:
        _guard(table, event, refused)


def downgrade() -> None:
    """Back to the one before."""
    for table in _TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table, event, _ in _GUARDS:
            op.execute(f"DROP FUNCTION {_name(table, event)}()")


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


def _guard(table: str, event: str, refused: str) -> None:
    name = _name(table, event)
    message = f"{table} is append-only"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {refused} THEN RAISE EXCEPTION '{message}'; END IF; "
            f"RETURN {'OLD' if event == 'DELETE' else 'NEW'}; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
        return
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN {refused} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _name(table: str, event: str) -> str:
    return f"guard_{table}_{event.lower()}"


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
