"""The tables of the OAuth server for end users: the people whose MCP client signs in to a protected server.

End users never meet the organisation's own users. What a client or a browser presents (codes, refresh tokens,
session ids, client secrets) is kept as a SHA-256 only: each is at least 128 random bits. Rows that come and
go with each sign-in are written past the unit of work; what people decide goes through it, into the audit.
"""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.base import clock
from gatewayops.store.control.tables import OwnedTable, Table

_SERVER = "mcp_servers.id"
_END_USER = "end_users.id"
_CLIENT = "oauth_clients.id"
_GRANT = "oauth_grants.id"


class EndUser(OwnedTable):
    """A person who signs in to an organisation's protected servers; `password_hash` is argon2's or empty."""

    __tablename__ = "end_users"
    __table_args__ = (UniqueConstraint("org_id", "email"), Index(None, "org_id", "created_at", "id"))

    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    disabled_at: Mapped[datetime | None]
    signed_in_at: Mapped[datetime | None]
    email_verified_at: Mapped[datetime | None]  # when it was shown, or said by the operator, to be theirs


class EndUserSession(OwnedTable):
    """A browser that is signed in at one server; it ends when unused for long, and at `expires_at` anyway."""

    __tablename__ = "end_user_sessions"
    __table_args__ = (Index(None, "org_id", "created_at", "id"),)

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    end_user_id: Mapped[str] = mapped_column(ForeignKey(_END_USER, ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str]
    used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class OAuthClient(OwnedTable):
    """A client of one server. `client_id` is what it calls itself: our id, or the URL of its document."""

    __tablename__ = "oauth_clients"
    __table_args__ = (UniqueConstraint("server_id", "client_id"), Index(None, "org_id", "created_at", "id"))

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(String(512))
    kind: Mapped[str] = mapped_column(String(16))  # registered, dynamic, document
    name: Mapped[str]
    redirect_uris: Mapped[list[str]] = mapped_column(JSON)
    grant_types: Mapped[list[str]] = mapped_column(JSON, default=list)
    auth_method: Mapped[str] = mapped_column(String(32))
    secret_hash: Mapped[str] = mapped_column(String(64))
    registration_token_hash: Mapped[str] = mapped_column(String(64), default="")  # RFC 7592; of dynamic ones
    jwks: Mapped[str] = mapped_column(String(16_384))  # JSON, for private_key_jwt
    jwks_uri: Mapped[str] = mapped_column(String(2048))
    scope: Mapped[str] = mapped_column(String(2048))
    fresh_until: Mapped[datetime | None]  # of a document
    disabled_at: Mapped[datetime | None]


class OAuthConsent(OwnedTable):
    """What an end user has allowed a client at a server."""

    __tablename__ = "oauth_consents"
    __table_args__ = (
        UniqueConstraint("server_id", "end_user_id", "client_ref"),
        Index(None, "org_id", "created_at", "id"),
    )

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    end_user_id: Mapped[str] = mapped_column(ForeignKey(_END_USER, ondelete="CASCADE"))
    client_ref: Mapped[str] = mapped_column(ForeignKey(_CLIENT, ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(String(2048))


class OAuthRequest(Table):
    """An authorization request that passed all checks and waits for a person, in one browser."""

    __tablename__ = "oauth_requests"

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    client_ref: Mapped[str] = mapped_column(ForeignKey(_CLIENT, ondelete="CASCADE"))
    browser_hash: Mapped[str] = mapped_column(String(64))
    redirect_uri: Mapped[str] = mapped_column(String(2048))
    state: Mapped[str] = mapped_column(String(4096))
    scope: Mapped[str] = mapped_column(String(2048))
    challenge: Mapped[str] = mapped_column(String(64))
    device_hash: Mapped[str] = mapped_column(
        String(64), default=""
    )  # of the device that it is for, else empty
    must_sign_in_after: Mapped[datetime | None]  # prompt=login, max_age
    expires_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]


class OAuthGrant(OwnedTable):
    """One approval, and the family of all tokens that came of it."""

    __tablename__ = "oauth_grants"
    __table_args__ = (Index(None, "org_id", "created_at", "id"),)

    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    end_user_id: Mapped[str] = mapped_column(ForeignKey(_END_USER, ondelete="CASCADE"), index=True)
    client_ref: Mapped[str] = mapped_column(ForeignKey(_CLIENT, ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(String(2048))
    revoked_at: Mapped[datetime | None]
    revoked_for: Mapped[str] = mapped_column(String(32))


class OAuthCode(Table):
    """An authorization code; one UPDATE uses it up."""

    __tablename__ = "oauth_codes"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    grant_id: Mapped[str] = mapped_column(ForeignKey(_GRANT, ondelete="CASCADE"))
    client_ref: Mapped[str] = mapped_column(ForeignKey(_CLIENT, ondelete="CASCADE"))
    redirect_uri: Mapped[str] = mapped_column(String(2048))
    challenge: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class OAuthRefreshToken(Table):
    """A refresh token; one UPDATE replaces it. `successor_sealed` opens with the token itself only."""

    __tablename__ = "oauth_refresh_tokens"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    server_id: Mapped[str] = mapped_column(ForeignKey(_SERVER, ondelete="CASCADE"))
    grant_id: Mapped[str] = mapped_column(ForeignKey(_GRANT, ondelete="CASCADE"), index=True)
    client_ref: Mapped[str] = mapped_column(ForeignKey(_CLIENT, ondelete="CASCADE"))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    successor_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class OAuthSigningKey(OwnedTable):
    """A key that signs an organisation's access tokens; its id is the `kid`."""

    __tablename__ = "oauth_signing_keys"
    __table_args__ = (Index(None, "org_id", "state"),)

    state: Mapped[str] = mapped_column(String(8))  # next, active, retired
    public_jwk: Mapped[dict[str, str]] = mapped_column(JSON)
    private_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    since: Mapped[datetime] = mapped_column(default=clock.now)  # in this state


class OAuthRevocation(Table):
    """Access tokens that no longer count: of this subject, issued at or before `before_s`."""

    __tablename__ = "oauth_revocations"

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(12))  # end_user, client, grant, token
    subject: Mapped[str] = mapped_column(String(512))
    before_s: Mapped[int] = mapped_column(BigInteger)
    until_s: Mapped[int] = mapped_column(BigInteger, index=True)
