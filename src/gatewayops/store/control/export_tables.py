"""The table of export destinations."""

from sqlalchemy import JSON, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable


class ExportDestination(OwnedTable):
    """Where an organisation's calls go as spans."""

    __tablename__ = "export_destinations"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    name: Mapped[str] = mapped_column(String(63))
    preset: Mapped[str] = mapped_column(String(16))
    endpoint: Mapped[str] = mapped_column(String(2048))
    protocol: Mapped[str] = mapped_column(String(16))
    header_names: Mapped[list[str]] = mapped_column(JSON)
    headers_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    is_gzip: Mapped[bool]
    allows_private: Mapped[bool]
    with_payloads: Mapped[bool]
    is_enabled: Mapped[bool]
    servers: Mapped[list[str]] = mapped_column(JSON)
    statuses: Mapped[list[str]] = mapped_column(JSON)
    sample_ratio: Mapped[float]
