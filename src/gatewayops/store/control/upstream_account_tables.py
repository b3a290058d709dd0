"""The tables of users' own accounts at the MCP servers behind: tokens, our clients there, sign-ins under way.

Tokens and client secrets are sealed, each to its row and column. What people decide goes through the unit of
work, into the audit log; renewals, which come by themselves all the time, and sign-ins are written past it.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.base import clock
from gatewayops.store.control.tables import OwnedTable

_SERVER = "mcp_servers.id"
_USER = "users.id"
_CLIENT = "upstream_clients.id"


class UpstreamClient(OwnedTable):
    """Us as an OAuth client of one authorization server, for one server of an organisation's.

    `kind`: given (by the organisation), dynamic (RFC 7591) or document (its id is an address of ours).
    """

    __tablename__ = "upstream_clients"
    __table_args__ = (UniqueConstraint("server_id", "issuer"),)

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(2048))
    kind: Mapped[str] = mapped_column(String(16))
    client_id: Mapped[str] = mapped_column(String(2048))
    auth_method: Mapped[str] = mapped_column(String(32))
    redirect_uri: Mapped[str] = mapped_column(String(2048))  # empty: whatever we send
    sealed_secret: Mapped[bytes]


class UpstreamAccount(OwnedTable):
    """A user's account at a server; `url` is the server's when they connected, and nobody else gets tokens.

    `state` is connected or needs_sign_in, `failure` says why. `renew_at` is when the job looks at it next.
    """

    __tablename__ = "upstream_accounts"
    __table_args__ = (UniqueConstraint("server_id", "user_id"), Index(None, "org_id", "created_at", "id"))

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"), index=True)
    client_ref: Mapped[str] = mapped_column(ForeignKey(_CLIENT, ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(2048))
    state: Mapped[str] = mapped_column(String(16))
    failure: Mapped[str]
    issuer: Mapped[str] = mapped_column(String(2048))
    token_endpoint: Mapped[str] = mapped_column(String(2048))
    revocation_endpoint: Mapped[str] = mapped_column(String(2048))
    resource: Mapped[str] = mapped_column(String(2048))
    scope: Mapped[str] = mapped_column(String(4096))
    sealed_access: Mapped[bytes]
    sealed_refresh: Mapped[bytes]
    connected_at: Mapped[datetime] = mapped_column(default=clock.now)
    renewed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    renew_at: Mapped[datetime | None] = mapped_column(index=True)


class UpstreamSignIn(OwnedTable):
    """A user who was sent to an authorization server; good once, for the session that began it."""

    __tablename__ = "upstream_sign_ins"

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"))
    session_id: Mapped[str]
    client_ref: Mapped[str] = mapped_column(ForeignKey(_CLIENT, ondelete="CASCADE"))
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sealed_verifier: Mapped[bytes]
    url: Mapped[str] = mapped_column(String(2048))
    issuer: Mapped[str] = mapped_column(String(2048))
    token_endpoint: Mapped[str] = mapped_column(String(2048))
    revocation_endpoint: Mapped[str] = mapped_column(String(2048))
    resource: Mapped[str] = mapped_column(String(2048))
    scope: Mapped[str] = mapped_column(String(4096))
    sends_iss: Mapped[bool]
    expires_at: Mapped[datetime] = mapped_column(index=True)
