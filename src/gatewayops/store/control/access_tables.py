"""The tables of access: custom roles, who holds a role, and policies."""

from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable


class Role(OwnedTable):
    """A role of an organisation's own; `permissions` are objects with the fields of snapshot.Permission."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    name: Mapped[str]
    description: Mapped[str]
    permissions: Mapped[list[Any]] = mapped_column(JSON())


class RoleBinding(OwnedTable):
    """Who holds a role. No foreign keys: predefined roles are no rows, subjects are of several tables."""

    __tablename__ = "role_bindings"
    __table_args__ = (
        UniqueConstraint("org_id", "role_id", "subject_kind", "subject_id"),
        Index(None, "org_id", "subject_kind", "subject_id"),
    )

    role_id: Mapped[str]
    subject_kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[str]
    given_by: Mapped[str] = mapped_column(default="")  # an identity provider, by its groups; empty: a hand


class AccessPolicy(OwnedTable):
    """A permission held without a role; an empty server means the control API."""

    __tablename__ = "access_policies"
    __table_args__ = (
        UniqueConstraint(
            "org_id",
            "subject_kind",
            "subject_id",
            "effect",
            "server",
            "action",
            "named",
            name="uq_access_policies_held",
        ),
    )

    subject_kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[str]
    effect: Mapped[str] = mapped_column(String(5))
    server: Mapped[str]
    action: Mapped[str]
    named: Mapped[str]
    description: Mapped[str]
