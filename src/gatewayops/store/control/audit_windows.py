"""Where the spool's consumer keeps which refusals it has told already and how often they came again."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select

from gatewayops.store.audit_entry import Draft
from gatewayops.store.control.audit_tables import AuditWindow
from gatewayops.store.control.database import Session, lock

_LOCK = 0xA0D18
_decode = msgspec.msgpack.Decoder(Draft).decode


class Row(msgspec.Struct, frozen=True):
    """A window; `record.audit.windows` knows what it means."""

    org_id: str
    fingerprint: str
    until: datetime
    repeats: int
    first_at: datetime
    last_at: datetime
    sample: Draft


async def alone(session: Session) -> None:
    """Nobody else changes the windows until the transaction ends."""
    await lock(session, _LOCK)


async def read(session: Session) -> list[Row]:
    """All of them; there are few."""
    return [
        Row(
            row.org_id,
            row.fingerprint,
            row.until,
            row.repeats,
            row.first_at,
            row.last_at,
            _decode(row.sample),
        )
        for row in await session.scalars(select(AuditWindow))
    ]


async def is_any_over(session: Session, *, now: datetime) -> bool:
    """Whether a window's time has come."""
    return (
        await session.execute(select(AuditWindow.org_id).where(AuditWindow.until <= now).limit(1))
    ).first() is not None


async def write(session: Session, rows: Sequence[Row], *, gone: Iterable[tuple[str, str]]) -> None:
    """Keeps these, and forgets those that are gone."""
    for row in rows:
        values = msgspec.structs.asdict(row) | {"sample": msgspec.msgpack.encode(row.sample)}
        await session.merge(AuditWindow(**values))
    for org_id, fingerprint in gone:
        which = AuditWindow.org_id == org_id, AuditWindow.fingerprint == fingerprint
        await session.execute(delete(AuditWindow).where(*which))
