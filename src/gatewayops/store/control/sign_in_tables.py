"""The tables of end users' sign-in elsewhere: providers of a server, who people are there, who is on the way.

A client's secret is sealed to its row. What people decide, and who was admitted, goes through the unit of
work into the audit log; attempts come and go with each sign-in and are written past it.
"""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable

_SERVER = "mcp_servers.id"
_PROVIDER = "sign_in_providers.id"


class SignInProvider(OwnedTable):
    """Where end users of a server may sign in; `issuer` is empty for Google and github.com."""

    __tablename__ = "sign_in_providers"
    __table_args__ = (UniqueConstraint("server_id", "name"), Index(None, "org_id", "created_at", "id"))

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))  # google, github, oidc
    name: Mapped[str] = mapped_column(String(63))
    issuer: Mapped[str] = mapped_column(String(512))
    client_id: Mapped[str] = mapped_column(String(512))
    sealed_secret: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(JSON)
    email_domains: Mapped[list[str]] = mapped_column(JSON)
    allows_private: Mapped[bool]
    allows_sign_up: Mapped[bool]
    trusts_email: Mapped[bool]
    is_enabled: Mapped[bool]


class EndUserIdentity(OwnedTable):
    """Who an end user is elsewhere: known by issuer and subject, whatever their address is there now."""

    __tablename__ = "end_user_identities"
    __table_args__ = (
        UniqueConstraint("org_id", "issuer", "subject"),
        Index(None, "org_id", "created_at", "id"),
    )

    end_user_id: Mapped[str] = mapped_column(ForeignKey("end_users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str] = mapped_column(String(512))
    subject: Mapped[str]
    email: Mapped[str]  # as the issuer said it last
    used_at: Mapped[datetime]


class SignInAttempt(OwnedTable):
    """A person who was sent to a provider: comes back once, in the browser that left.

    `identity` is who came back (JSON), where that alone lets nobody in.
    """

    __tablename__ = "sign_in_attempts"

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    provider_id: Mapped[str] = mapped_column(ForeignKey(_PROVIDER, ondelete="CASCADE"))
    request_id: Mapped[str]  # of the authorization request that goes on afterwards
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    nonce: Mapped[str] = mapped_column(String(64))
    sealed_verifier: Mapped[bytes]
    identity: Mapped[bytes]
    used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
