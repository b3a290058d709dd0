"""What belongs to the pages that end users see: a server's branding, and the links mailed to people."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable


class ServerBranding(OwnedTable):
    """How the pages of one server look; what is empty looks as ours does. The logo is its bytes."""

    __tablename__ = "server_brandings"

    server_id: Mapped[str] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"), unique=True)
    product_name: Mapped[str]
    accent_color: Mapped[str] = mapped_column(String(7))
    terms_url: Mapped[str] = mapped_column(String(2048))
    privacy_url: Mapped[str] = mapped_column(String(2048))
    support_email: Mapped[str]
    logo_type: Mapped[str] = mapped_column(String(32))
    logo_sha256: Mapped[str] = mapped_column(String(64))
    logo: Mapped[bytes]


class EndUserLink(OwnedTable):
    """An address that works once: `kind` is verify or reset. It is good for that e-mail address only."""

    __tablename__ = "end_user_links"

    server_id: Mapped[str] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"))
    end_user_id: Mapped[str] = mapped_column(ForeignKey("end_users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str]
    request_id: Mapped[str]  # of the authorization request that it began with; may be over long since
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
