"""The tables of second factors: one-time codes of an app (TOTP), passkeys, recovery codes, and sign-ins that
wait for one.

TOTP secrets are sealed; of recovery codes, pending sign-ins and challenges only a SHA-256 is kept, for what
people hold is 80 random bits at least. What an organisation or a user decides goes through the unit of work,
into the audit log; what comes and goes with each sign-in is written past it.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable, Table

_USER = "users.id"


def totp_binding(org_id: str, totp_id: str) -> bytes:
    """The additional data under which an app's secret is sealed."""
    return f"totp:{org_id}:{totp_id}".encode()


class SignInPolicy(OwnedTable):
    """What an organisation asks of those who sign in: `second_factor` is off or required."""

    __tablename__ = "sign_in_policies"

    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), unique=True)
    second_factor: Mapped[str] = mapped_column(String(12))


class UserTotp(OwnedTable):
    """An authenticator app; it counts once a code of it confirmed it. `last_step`: of the last code."""

    __tablename__ = "user_totps"

    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"), unique=True)
    sealed_secret: Mapped[bytes]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int]
    failed_at: Mapped[datetime | None]


class UserPasskey(OwnedTable):
    """A passkey (WebAuthn credential) of a user."""

    __tablename__ = "user_passkeys"

    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"), index=True)
    name: Mapped[str]
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)  # base64url of at most 1023 bytes
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    transports: Mapped[list[str]]
    used_at: Mapped[datetime | None]


class RecoveryCode(OwnedTable):
    """One of the codes for who has lost all else."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    used_at: Mapped[datetime | None]


class PendingSignIn(OwnedTable):
    """Somebody whose first factor was right and who is no further: `step` is choose, prove, enrol or agree.

    `choices` are the users, one an organisation, among whom they choose.
    """

    __tablename__ = "pending_sign_ins"

    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    method: Mapped[str] = mapped_column(String(40))
    step: Mapped[str] = mapped_column(String(12))
    choices: Mapped[list[str]]
    provider_id: Mapped[str]  # that vouched; empty for a password
    hours: Mapped[int]  # the session may last; 0: as long as any
    return_to: Mapped[str] = mapped_column(String(1024))  # a path of ours
    attempts: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class PasskeyChallenge(Table):
    """A challenge of a passkey ceremony, by its SHA-256. It is nobody's yet when a passkey alone signs in."""

    __tablename__ = "passkey_challenges"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(12))
    bound_to: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
