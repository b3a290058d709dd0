"""The table of data keys: what seals an organisation's credentials, itself wrapped by the master key."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable


class DataKey(OwnedTable):
    """A wrapped data key; the newest of an organisation seals, all of them open."""

    __tablename__ = "data_keys"
    __table_args__ = (Index(None, "org_id", "created_at", "id"),)

    version: Mapped[str] = mapped_column(
        String(512)
    )  # of the master key: its provider, a colon, its name there
    wrapped: Mapped[bytes]
