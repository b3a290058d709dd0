"""The tables of sign-in for an organisation's own people: passwords, sessions and one-time links.

They never meet the end users of oauth_tables. Of sessions and links only a SHA-256 is kept: what people hold
is at least 128 random bits. Passwords and links go through the unit of work, into the audit log; sessions,
which come and go with each sign-in, are written past it and told by name.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable

_USER = "users.id"


class UserPassword(OwnedTable):
    """A user's password, as argon2 wrote it."""

    __tablename__ = "user_passwords"

    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"), unique=True)
    password_hash: Mapped[str]
    changed_at: Mapped[datetime]


class UserSession(OwnedTable):
    """Where a user is signed in; it ends when unused for long, and at `expires_at` anyway."""

    __tablename__ = "user_sessions"
    __table_args__ = (Index(None, "org_id", "created_at", "id"),)

    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str]
    user_agent: Mapped[str]
    used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    provider_id: Mapped[str] = mapped_column(default="")  # that vouched; empty for a password


class OneTimeLink(OwnedTable):
    """An address that works once: `kind` is invitation, reset or first_admin. Empty ids mean none."""

    __tablename__ = "one_time_links"
    __table_args__ = (Index(None, "org_id", "created_at", "id"),)

    kind: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str]
    role_id: Mapped[str]
    team_id: Mapped[str]
    made_by: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
