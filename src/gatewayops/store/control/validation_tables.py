"""Tables of what calls must look like, and of how they are changed on their way."""

from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable


class ValidationRule(OwnedTable):
    """A rule for arguments; empty server or tool means any, NULL leaves a field to a broader rule."""

    __tablename__ = "validation_rules"
    __table_args__ = (UniqueConstraint("org_id", "server", "tool"),)

    server: Mapped[str]
    tool: Mapped[str]
    schema_mode: Mapped[str | None] = mapped_column(String(12))
    max_bytes: Mapped[int | None]
    max_depth: Mapped[int | None]
    max_items: Mapped[int | None]
    patterns: Mapped[dict[str, str]]
    own_patterns: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class TransformRule(OwnedTable):
    """A transformation; steps are JSON text, header values are sealed by the caller."""

    __tablename__ = "transform_rules"
    __table_args__ = (UniqueConstraint("org_id", "name"), Index(None, "org_id", "position"))

    name: Mapped[str]
    server: Mapped[str]
    tool: Mapped[str]
    position: Mapped[int]
    request: Mapped[str] = mapped_column(Text)
    response: Mapped[str] = mapped_column(Text)
    header_names: Mapped[list[str]]
    sealed_headers: Mapped[bytes]
