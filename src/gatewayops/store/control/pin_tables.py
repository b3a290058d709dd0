"""The tables of pinned tools: what a server offers, what was approved of it, what happens otherwise."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable


class PinningSetting(OwnedTable):
    """What an organisation wants for servers that say nothing of their own."""

    __tablename__ = "pinning_settings"
    __table_args__ = (UniqueConstraint("org_id"),)

    mode: Mapped[str] = mapped_column(String(8))


class ToolCatalogue(OwnedTable):
    """One a server: its own mode (none: the organisation's), and when it was asked for its tools.

    The times change with every look and are written past the unit of work: they are no decision of anybody.
    """

    __tablename__ = "tool_catalogues"
    __table_args__ = (UniqueConstraint("server_id"),)

    server_id: Mapped[str] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"))
    mode: Mapped[str | None] = mapped_column(String(8))
    listed_at: Mapped[datetime | None]  # the last time that it answered; none: its tools are not known
    asked_at: Mapped[datetime | None]
    ask_at: Mapped[datetime | None]  # when to ask next; none: now
    failure: Mapped[str | None] = mapped_column(String(500))


class ToolPin(OwnedTable):
    """A tool: the approved definition, and the newest one that differed from it.

    `current_hash` is of what the server shows now; it equals `approved_hash` or `other_hash`.
    """

    __tablename__ = "tool_pins"
    __table_args__ = (UniqueConstraint("server_id", "name"),)

    server_id: Mapped[str] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"))
    name: Mapped[str]
    approved_definition: Mapped[bytes | None] = mapped_column(LargeBinary)
    approved_hash: Mapped[str | None] = mapped_column(String(80))
    other_definition: Mapped[bytes | None] = mapped_column(LargeBinary)
    other_hash: Mapped[str | None] = mapped_column(String(80))
    current_hash: Mapped[str] = mapped_column(String(80))
    rejected_hash: Mapped[str | None] = mapped_column(String(80))
    is_listed: Mapped[bool]
    changed_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
