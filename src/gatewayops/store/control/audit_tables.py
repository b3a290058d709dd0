"""The tables of the audit log. Triggers (migration 0008) refuse any change but those named here.

No foreign keys: the log outlives what it tells of. `docs/audit.md` says what the log proves, and to whom.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import Table


class AuditChain(Table):
    """The end of an organisation's chain.

    Who appends locks this row. Entries up to `pruned_to` may be deleted.
    """

    __tablename__ = "audit_chains"

    org_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime]
    pruned_to: Mapped[int] = mapped_column(BigInteger)


class AuditEntry(Table):
    """An entry: its text, its hash, and copies of some members to search by. Never updated."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "org_id", "at"),
        Index(None, "org_id", "action", "seq"),
        Index(None, "org_id", "actor_id", "seq"),
        Index(None, "org_id", "target_id", "seq"),
    )

    org_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    action: Mapped[str]
    actor_id: Mapped[str]
    target_id: Mapped[str]
    target_name: Mapped[str]  # empty where it is a person's
    body: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditPersonal(Table):
    """A personal value that an entry commits to; deleting it is erasure. Never updated."""

    __tablename__ = "audit_personal"
    __table_args__ = (Index(None, "org_id", "value"),)

    org_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    salt: Mapped[str] = mapped_column(String(32))
    value: Mapped[str] = mapped_column(String(500))


class AuditCheckpoint(Table):
    """A signed statement about the first `size` entries.

    `frontier` lets the tree grow from there. Never updated.
    """

    __tablename__ = "audit_checkpoints"

    org_id: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    head: Mapped[bytes] = mapped_column(LargeBinary)
    frontier: Mapped[bytes] = mapped_column(LargeBinary)  # 32 bytes a peak
    signed: Mapped[str] = mapped_column(Text)  # the line that is exported and anchored


class AuditAnchor(Table):
    """Whether a checkpoint lies at an anchor yet."""

    __tablename__ = "audit_anchors"

    org_id: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    anchor: Mapped[str] = mapped_column(String(16), primary_key=True)  # file, s3 or webhook
    anchored_at: Mapped[datetime | None]
    attempts: Mapped[int]
    error: Mapped[str] = mapped_column(String(500))


class AuditWindow(Table):
    """Refusals that repeat: told once, then counted until the minute is over."""

    __tablename__ = "audit_windows"

    org_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    until: Mapped[datetime]
    repeats: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    sample: Mapped[bytes] = mapped_column(LargeBinary)  # the Draft, msgpack
