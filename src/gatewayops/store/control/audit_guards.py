"""Triggers that keep the audit log append-only.

Whoever changes them writes a migration that drops those of before and makes these: 0008 makes them as they
are here.
"""

from collections.abc import Iterator

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


def statements(dialect: str) -> Iterator[str]:
    """What makes them, in a store of this dialect (SQLAlchemy's name) that has the tables."""
    for table, event, refused in _GUARDS:
        name, message = _name(table, event), f"{table} is append-only"
        if dialect == "postgresql":
            yield (
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"IF {refused} THEN RAISE EXCEPTION '{message}'; END IF; "
                f"RETURN {'OLD' if event == 'DELETE' else 'NEW'}; END $$"
            )
            yield f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
        else:
            yield (
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN {refused} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )


def removal(dialect: str) -> Iterator[str]:
    """What is left of them when the tables are gone."""
    if dialect == "postgresql":
        yield from (f"DROP FUNCTION {_name(table, event)}()" for table, event, _ in _GUARDS)


def _name(table: str, event: str) -> str:
    return f"guard_{table}_{event.lower()}"
