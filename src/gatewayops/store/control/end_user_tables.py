"""Further tables of end users: how sign-in looks, where else they sign in, and the links in their mail.

None of them is shared with the organisation's own users: other rows, other cookies, other keys.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.base import clock
from gatewayops.store.control.tables import OwnedTable, Table

_SERVER = "mcp_servers.id"
_END_USER = "end_users.id"
_PROVIDER = "end_user_providers.id"


class Branding(OwnedTable):
    """How sign-in and consent look; `scope` is a server's id, or empty for all servers without their own."""

    __tablename__ = "brandings"
    __table_args__ = (UniqueConstraint("org_id", "scope"),)

    scope: Mapped[str]
    server_id: Mapped[str | None] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    display_name: Mapped[str]
    color: Mapped[str] = mapped_column(String(7))
    terms_url: Mapped[str] = mapped_column(String(1024))
    privacy_url: Mapped[str] = mapped_column(String(1024))
    logo: Mapped[bytes] = mapped_column(LargeBinary)  # a PNG, or empty
    logo_hash: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)


class EndUserProvider(OwnedTable):
    """Where end users may sign in besides; without a server, at all of the organisation's."""

    __tablename__ = "end_user_providers"
    __table_args__ = (UniqueConstraint("org_id", "name"), Index(None, "org_id", "created_at", "id"))

    server_id: Mapped[str | None] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(63))
    label: Mapped[str]  # on the button
    kind: Mapped[str] = mapped_column(String(8))  # google, github, oidc
    issuer: Mapped[str] = mapped_column(String(1024))
    client_id: Mapped[str]
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    allows_private: Mapped[bool]
    disabled_at: Mapped[datetime | None]


class EndUserIdentity(OwnedTable):
    """Who an end user is at a provider: `subject` counts, the address is for showing."""

    __tablename__ = "end_user_identities"
    __table_args__ = (
        UniqueConstraint("provider_id", "subject"),
        UniqueConstraint("provider_id", "end_user_id"),
    )

    provider_id: Mapped[str] = mapped_column(ForeignKey(_PROVIDER, ondelete="CASCADE"))
    end_user_id: Mapped[str] = mapped_column(ForeignKey(_END_USER, ondelete="CASCADE"), index=True)
    subject: Mapped[str]
    email: Mapped[str]


class EndUserSsoAttempt(Table):
    """A browser on its way to a provider and back; `hash` is of the state. One DELETE uses it up."""

    __tablename__ = "end_user_sso_attempts"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    provider_id: Mapped[str] = mapped_column(ForeignKey(_PROVIDER, ondelete="CASCADE"))
    request_id: Mapped[str]
    browser_hash: Mapped[str] = mapped_column(String(64))
    nonce: Mapped[str] = mapped_column(String(64))
    verifier_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class EndUserLink(Table):
    """A link in an end user's mail that works once: `kind` is verify or reset; `hash` is of its token."""

    __tablename__ = "end_user_links"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    end_user_id: Mapped[str] = mapped_column(ForeignKey(_END_USER, ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    email: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
