"""Checkpoints of audit chains: kept, anchored, and the beginning of a chain removed behind one."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, func, select, update

from gatewayops.base import clock
from gatewayops.store.audit_entry import Actor, Draft, Target
from gatewayops.store.control.audit_changes import note
from gatewayops.store.control.audit_tables import (
    AuditAnchor,
    AuditChain,
    AuditCheckpoint,
    AuditEntry,
    AuditPersonal,
)
from gatewayops.store.control.database import Session, lock

_LOCK = 0xA0D17
_LONGEST_ERROR = 500


class Kept(msgspec.Struct, frozen=True):
    """A checkpoint; `signed` is the line that says so, `frontier` the peaks of the tree, 32 bytes each."""

    size: int
    at: datetime
    head: bytes
    frontier: bytes
    signed: str


class Anchoring(msgspec.Struct, frozen=True):
    """Where a checkpoint lies, or why it does not yet."""

    anchor: str
    anchored_at: datetime | None
    attempts: int
    error: str


async def alone(session: Session) -> None:
    """Nobody else makes checkpoints until the transaction ends."""
    await lock(session, _LOCK)


async def last(session: Session, *, org_id: str, up_to: int | None = None) -> Kept | None:
    """The newest checkpoint, of at most `up_to` entries when that is given."""
    query = select(AuditCheckpoint).where(AuditCheckpoint.org_id == org_id)
    if up_to is not None:
        query = query.where(AuditCheckpoint.size <= up_to)
    row = await session.scalar(query.order_by(AuditCheckpoint.size.desc()).limit(1))
    return None if row is None else _kept(row)


async def between(session: Session, *, org_id: str, first: int, last: int) -> Sequence[Kept]:
    """Checkpoints of `first` to `last` entries, in order."""
    query = select(AuditCheckpoint).where(
        AuditCheckpoint.org_id == org_id, AuditCheckpoint.size >= first, AuditCheckpoint.size <= last
    )
    return [_kept(row) for row in await session.scalars(query.order_by(AuditCheckpoint.size))]


async def newest(session: Session, *, org_id: str, limit: int) -> list[tuple[Kept, list[Anchoring]]]:
    """With the state of their anchoring, newest first."""
    query = select(AuditCheckpoint).where(AuditCheckpoint.org_id == org_id)
    rows = (await session.scalars(query.order_by(AuditCheckpoint.size.desc()).limit(limit))).all()
    sizes = [row.size for row in rows]
    states: dict[int, list[Anchoring]] = {}
    query_states = select(AuditAnchor).where(AuditAnchor.org_id == org_id, AuditAnchor.size.in_(sizes))
    for state in await session.scalars(query_states.order_by(AuditAnchor.anchor)):
        one = Anchoring(state.anchor, state.anchored_at, state.attempts, state.error)
        states.setdefault(state.size, []).append(one)
    return [(_kept(row), states.get(row.size, [])) for row in rows]


async def add(session: Session, *, org_id: str, made: Kept, anchors: Sequence[str]) -> None:
    """Keeps a new checkpoint, which is to be written to these anchors."""
    session.add(AuditCheckpoint(org_id=org_id, **msgspec.structs.asdict(made)))
    for anchor in anchors:
        session.add(
            AuditAnchor(org_id=org_id, size=made.size, anchor=anchor, anchored_at=None, attempts=0, error="")
        )
    await session.flush()


async def waiting(session: Session, *, limit: int) -> list[tuple[str, int, str, str]]:
    """What is not anchored yet, oldest first: organisation, size, anchor, the signed line."""
    query = (
        select(AuditAnchor.org_id, AuditAnchor.size, AuditAnchor.anchor, AuditCheckpoint.signed)
        .join(
            AuditCheckpoint,
            (AuditCheckpoint.org_id == AuditAnchor.org_id) & (AuditCheckpoint.size == AuditAnchor.size),
        )
        .where(AuditAnchor.anchored_at.is_(None))
        .order_by(AuditAnchor.size)
        .limit(limit)
    )
    return [(org_id, size, anchor, signed) for org_id, size, anchor, signed in await session.execute(query)]


async def anchored(session: Session, *, org_id: str, size: int, anchor: str, error: str = "") -> None:
    """Notes that a checkpoint lies at the anchor now, or why it does not."""
    row = await session.get(AuditAnchor, (org_id, size, anchor))
    if row is not None:
        row.attempts += 1
        row.error = error[:_LONGEST_ERROR].replace("\x00", "")
        row.anchored_at = None if error else clock.now()


async def prunable(session: Session, *, org_id: str, before: datetime, anchors: Sequence[str]) -> int:
    """The largest checkpoint of which all entries are older; 0 for none. It lies at all these anchors."""
    oldest_kept = await session.scalar(
        select(func.min(AuditEntry.seq)).where(AuditEntry.org_id == org_id, AuditEntry.at >= before)
    )
    query = select(AuditCheckpoint.size).where(
        AuditCheckpoint.org_id == org_id,
        AuditCheckpoint.size
        > select(AuditChain.pruned_to).where(AuditChain.org_id == org_id).scalar_subquery(),
    )
    if oldest_kept is not None:
        query = query.where(AuditCheckpoint.size < oldest_kept)
    for anchor in anchors:
        is_there = AuditAnchor.org_id == org_id, AuditAnchor.anchor == anchor
        lying = select(AuditAnchor.size).where(*is_there, AuditAnchor.anchored_at.is_not(None))
        query = query.where(AuditCheckpoint.size.in_(lying))
    return await session.scalar(query.order_by(AuditCheckpoint.size.desc()).limit(1)) or 0


async def prune(session: Session, *, org_id: str, size: int) -> None:
    """Removes the first `size` entries, which a checkpoint covers; the rest verifies on from there.

    That they are gone is an entry of its own. The triggers refuse any other removal.
    """
    marked = update(AuditChain).where(AuditChain.org_id == org_id).values(pruned_to=size)
    await session.execute(marked.execution_options(synchronize_session=False))
    for table, column, most in (
        (AuditEntry, AuditEntry.seq, size),
        (AuditPersonal, AuditPersonal.seq, size),
        (AuditCheckpoint, AuditCheckpoint.size, size - 1),
        (AuditAnchor, AuditAnchor.size, size - 1),
    ):
        gone = delete(table).where(table.org_id == org_id, column <= most)
        await session.execute(gone.execution_options(synchronize_session=False))
    target = Target(kind="audit", id=org_id)
    note(
        session,
        org_id,
        Draft(
            action="audit.pruned", actor=Actor("system", "system"), target=target, after={"pruned_to": size}
        ),
    )


def _kept(row: AuditCheckpoint) -> Kept:
    return Kept(size=row.size, at=row.at, head=row.head, frontier=row.frontier, signed=row.signed)
