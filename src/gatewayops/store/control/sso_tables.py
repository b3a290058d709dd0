"""The tables of sign-in at identity providers: providers, the domains that lead to them, whom they admitted.

Attempts come and go with each sign-in and are written past the unit of work, so past the audit log; the rest
goes through it. Of an attempt only hashes are kept, and what must come back is sealed or worth nothing alone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable

_PROVIDER = "identity_providers.id"
_IS_VERIFIED = text("verified_at IS NOT NULL")


class IdentityProvider(OwnedTable):
    """Where an organisation's people sign in; `settings` are of its kind: google, github, oidc or saml."""

    __tablename__ = "identity_providers"
    __table_args__ = (
        UniqueConstraint("org_id", "name"),
        Index(None, "org_id", "created_at", "id"),
    )

    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(63))
    settings: Mapped[dict[str, Any]] = mapped_column(JSON())
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    is_enabled: Mapped[bool]
    is_sso_required: Mapped[bool]
    trusts_email: Mapped[bool]
    is_jit: Mapped[bool]
    jit_role_id: Mapped[str]
    jit_team_id: Mapped[str]
    group_mappings: Mapped[list[Any]] = mapped_column(JSON())
    session_hours: Mapped[int]


class SsoDomain(OwnedTable):
    """An e-mail domain that leads to a provider; unverified it leads nowhere. One organisation has it."""

    __tablename__ = "sso_domains"
    __table_args__ = (
        UniqueConstraint("org_id", "domain"),
        Index(None, "org_id", "created_at", "id"),
        Index(
            "uq_sso_domains_verified",
            "domain",
            unique=True,
            sqlite_where=_IS_VERIFIED,
            postgresql_where=_IS_VERIFIED,
        ),
    )

    provider_id: Mapped[str] = mapped_column(ForeignKey(_PROVIDER, ondelete="CASCADE"), index=True)
    domain: Mapped[str]
    proof: Mapped[str] = mapped_column(String(64))  # what a document at the domain must say; public
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[str] = mapped_column(String(16))  # document or machine; empty before


class UserIdentity(OwnedTable):
    """Who somebody is at a provider. A person is known by (provider, subject), whatever their address is."""

    __tablename__ = "user_identities"
    __table_args__ = (
        UniqueConstraint("provider_id", "subject"),
        UniqueConstraint("provider_id", "user_id"),
    )

    provider_id: Mapped[str] = mapped_column(ForeignKey(_PROVIDER, ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str] = mapped_column(String(2048))
    subject: Mapped[str]
    email: Mapped[str]  # as the provider said it last
    team_id: Mapped[str]  # that its groups gave; empty for none
    used_at: Mapped[datetime]


class SsoAttempt(OwnedTable):
    """A sign-in under way, in one browser; used up by one statement."""

    __tablename__ = "sso_attempts"

    provider_id: Mapped[str] = mapped_column(ForeignKey(_PROVIDER, ondelete="CASCADE"))
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    nonce: Mapped[str]  # what the answer must name: of an ID token, or the id of a SAML request
    verifier_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    return_to: Mapped[str] = mapped_column(String(1024))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
