"""Every change of the control store's configuration becomes an entry of the audit log, by the same commit.

`AuditedSession` watches the unit of work: rows that belong to an organisation, whatever their table.
Statements that go past the unit of work are not seen; what they change must be no configuration, or be told
by `note`. Secrets never get into an entry: sealed values and hashes of secrets are shown as `hidden`, `set`
or `changed`.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Integer, LargeBinary, Numeric, event, inspect
from sqlalchemy.orm import Session, UOWTransaction
from sqlalchemy.orm.attributes import get_history

from gatewayops.store.audit_entry import Draft, Target
from gatewayops.store.control import audit_chain
from gatewayops.store.control.tables import Organisation, OwnedTable, Table
from gatewayops.store.origin import SYSTEM, Origin

_DRAFTS = "audit_drafts"
_CHANGES = "audit_changes"
_NOUNS = {
    "api_keys": "key",
    "api_key_secrets": "key_secret",
    "mcp_servers": "server",
    "price_rules": "price",
    "limit_rules": "limit",
    "access_policies": "policy",
    "tool_pins": "tool",
    "masking_switches": "masking",
    "pinning_settings": "pinning",
    "user_totps": "totp",
    "user_passkeys": "passkey",
    "sign_in_policies": "sign_in_policy",
}
_PERSONAL = {
    "users": frozenset({"email", "name"}),
    "end_users": frozenset({"email", "name"}),
    "user_identities": frozenset({"email", "subject"}),
    "end_user_identities": frozenset({"email", "subject"}),
    "end_user_links": frozenset({"email"}),
    "one_time_links": frozenset({"email"}),
    "identity_subjects": frozenset({"subject"}),
    "end_user_sessions": frozenset({"address", "user_agent"}),
}
_ADDRESSES = {
    "alert_channels": "address"
}  # columns that may hold people's e-mail addresses, with commas between
_NOT_TOLD = frozenset({"id", "org_id", "created_at", "updated_at"})
_SECRET_WORDS = ("sealed", "secret", "wrapped", "password", "token")


class AuditedSession(Session):
    """A session whose changes are audited when it commits."""


class _Change(msgspec.Struct):
    """What a transaction did to a row: no `before` when it made it, no `after` when it removed it."""

    table: str
    org_id: str
    id: str
    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    parent_id: str = ""  # of a key's secret


def note(session: Any, org_id: str, *drafts: Draft) -> None:  # noqa: ANN401 - either kind of session
    """Adds entries to what the transaction will append to the organisation's chain."""
    session.info.setdefault(_DRAFTS, []).extend((org_id, draft) for draft in drafts)


@event.listens_for(AuditedSession, "after_flush")
def _collect(session: Session, _flush: UOWTransaction) -> None:
    changes: dict[tuple[str, str], _Change] = session.info.setdefault(_CHANGES, {})
    for row in session.new:
        if isinstance(row, OwnedTable | Organisation):
            changes[_key(row)] = _change(row, before=None, after=_all(row))
    for row in session.dirty:
        if isinstance(row, OwnedTable | Organisation):
            _changed(changes, row)
    for row in session.deleted:
        if isinstance(row, OwnedTable | Organisation):
            known = changes.pop(_key(row), None)
            if known is None or known.before is not None:
                changes[_key(row)] = _change(
                    row, before=_all(row) | ((known and known.before) or {}), after=None
                )


@event.listens_for(AuditedSession, "before_commit")
def _append(session: Session) -> None:
    session.flush()
    changes: dict[tuple[str, str], _Change] = session.info.pop(_CHANGES, {})
    noted: list[tuple[str, Draft]] = session.info.pop(_DRAFTS, [])
    origin: Origin = session.info.get("origin", SYSTEM)
    drafts = _drafts(changes, origin) + noted
    if drafts:
        audit_chain.append(session, drafts)


@event.listens_for(AuditedSession, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_CHANGES, None)
    session.info.pop(_DRAFTS, None)


def _changed(changes: dict[tuple[str, str], _Change], row: Table) -> None:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for column in inspect(type(row)).columns:
        history = get_history(row, column.key)
        if history.has_changes() and column.key not in _NOT_TOLD:
            before[column.key] = history.deleted[0] if history.deleted else None
            after[column.key] = history.added[0] if history.added else None
    if before == after:
        return
    known = changes.get(_key(row))
    if known is None:
        changes[_key(row)] = _change(row, before=before, after=after)
    elif known.after is not None:
        known.after |= after
        known.before = None if known.before is None else before | known.before


def _change(row: Any, *, before: dict[str, Any] | None, after: dict[str, Any] | None) -> _Change:  # noqa: ANN401 - a row
    org_id = row.id if isinstance(row, Organisation) else row.org_id
    table = row.__tablename__
    name = getattr(row, "email" if table in _PERSONAL else "name", "") or ""
    parent_id = getattr(row, "key_id", "") if table == "api_key_secrets" else ""
    return _Change(table, org_id, row.id, name, before, after, parent_id)


def _all(row: Table) -> dict[str, Any]:
    columns = inspect(type(row)).columns
    return {column.key: getattr(row, column.key) for column in columns if column.key not in _NOT_TOLD}


def _key(row: Any) -> tuple[str, str]:  # noqa: ANN401 - a row
    return row.__tablename__, row.id


def _drafts(changes: dict[tuple[str, str], _Change], origin: Origin) -> list[tuple[str, Draft]]:
    found = []
    for change in changes.values():
        if ("api_keys", change.parent_id) in changes:
            continue  # the key's own entry tells it
        found.append((change.org_id, _draft(change, origin)))
    return found


def _draft(change: _Change, origin: Origin) -> Draft:
    noun = noun_of(change.table)
    personal = _PERSONAL.get(change.table, frozenset())
    before, in_before = _parted(change.table, _told(change.table, change.before, "hidden"))
    is_new = change.before is None
    after, in_after = _parted(change.table, _told(change.table, change.after, "set" if is_new else "changed"))
    return Draft(
        action=f"{noun}.{_verb(change)}",
        actor=origin.actor,
        target=Target(kind=noun, id=change.id, name=change.name, is_personal=bool(personal)),
        before=before,
        after=after,
        personal=personal | in_before | in_after,
        address=origin.address,
        request_id=origin.request_id,
        trace_id=origin.trace_id,
    )


def _parted(table: str, values: dict[str, Any] | None) -> tuple[dict[str, Any] | None, frozenset[str]]:
    """With a member for each e-mail address, `address_1` and so on, so that each can be erased alone."""
    column = _ADDRESSES.get(table, "")
    text = (values or {}).get(column) or ""
    if values is None or "@" not in text or "://" in text:
        return values, frozenset()
    parts = {f"{column}_{at}": part.strip() for at, part in enumerate(text.split(","), start=1)}
    return {name: value for name, value in values.items() if name != column} | parts, frozenset(parts)


def noun_of(table: str) -> str:
    """What entries call a row of a table: `role_bindings` is role_binding."""
    if table in _NOUNS:
        return _NOUNS[table]
    return table.removesuffix("ies") + "y" if table.endswith("ies") else table.removesuffix("s")


def _verb(change: _Change) -> str:
    if change.before is None:
        return "created"
    if change.after is None:
        return "removed"
    if change.table == "api_keys" and change.after.get("revoked_at"):
        return "revoked"
    if change.table == "api_keys" and "prefix" in change.after:
        return "rotated"
    return "decided" if "decided_at" in change.after else "changed"


def _told(table: str, values: dict[str, Any] | None, secret: str) -> dict[str, Any] | None:
    if values is None:
        return None
    columns = Table.metadata.tables[table].columns
    return {
        name: secret if value and _is_secret(name, columns[name].type) else _json(value)
        for name, value in values.items()
    }


def _is_secret(name: str, kind: object) -> bool:
    if isinstance(kind, LargeBinary) or name == "hash":
        return True
    return not isinstance(kind, Numeric | Integer) and any(word in name for word in _SECRET_WORDS)


def _json(value: Any) -> Any:  # noqa: ANN401 - of any column
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return ""  # an empty one; others are secret
    return value if isinstance(value, dict | list | str | int | float | bool | None) else str(value)
