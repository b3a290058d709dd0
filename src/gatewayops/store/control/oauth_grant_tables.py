"""The tables of the ways to a token that need no redirect: devices, and enterprises' identity assertions.

What a device presents is kept as a SHA-256 only, and so are assertions that were used. Which issuers an
organisation trusts, and whom they vouched for, goes through the unit of work into the audit log.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable, Table

_ORG = "organisations.id"
_SERVER = "mcp_servers.id"
_END_USER = "end_users.id"


class OAuthDeviceCode(Table):
    """A device that waits for a person; one UPDATE approves it, one uses it up."""

    __tablename__ = "oauth_device_codes"
    __table_args__ = (UniqueConstraint("server_id", "user_code_hash"),)

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_code_hash: Mapped[str] = mapped_column(String(64))
    org_id: Mapped[str] = mapped_column(ForeignKey(_ORG, ondelete="CASCADE"))
    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    client_ref: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(String(2048))
    grant_id: Mapped[str | None] = mapped_column(ForeignKey("oauth_grants.id", ondelete="CASCADE"))
    interval_s: Mapped[int]
    polled_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    denied_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class IdentityIssuer(OwnedTable):
    """An identity provider whose assertions (ID-JAG) an organisation takes."""

    __tablename__ = "identity_issuers"
    __table_args__ = (UniqueConstraint("org_id", "issuer"),)

    name: Mapped[str]
    issuer: Mapped[str] = mapped_column(String(512))
    jwks_uri: Mapped[str] = mapped_column(String(2048))


class IdentitySubject(OwnedTable):
    """Whom an issuer calls by a subject: an end user that was made for them."""

    __tablename__ = "identity_subjects"
    __table_args__ = (UniqueConstraint("issuer_id", "subject"),)

    issuer_id: Mapped[str] = mapped_column(ForeignKey("identity_issuers.id", ondelete="CASCADE"))
    subject: Mapped[str]
    end_user_id: Mapped[str] = mapped_column(ForeignKey(_END_USER, ondelete="CASCADE"), index=True)


class UsedAssertion(Table):
    """An assertion that was taken, until it has expired: none is taken twice."""

    __tablename__ = "used_assertions"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey(_ORG, ondelete="CASCADE"))
    expires_at: Mapped[datetime] = mapped_column(index=True)
