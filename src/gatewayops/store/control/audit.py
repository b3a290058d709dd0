"""Reading the audit log: pages for people, ranges for exports, and the erasure of personal values."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from gatewayops.base.errors import InvalidInput
from gatewayops.store.audit_entry import NO_HASH, Actor, Draft, Kept, Target, opened
from gatewayops.store.control.audit_changes import note
from gatewayops.store.control.audit_tables import AuditChain, AuditEntry, AuditPersonal
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import MAX_LIMIT, Asked, Page

__all__ = ["note"]

_ONLY_TARGET = ("before.%", "after.%", "target.name")
_ONLY_ACTOR = ("actor.name", "from")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: empty means any. `action` may end in `.*`; names of people find what was not erased."""

    start: datetime | None = None
    end: datetime | None = None  # exclusive
    actor: str = ""  # id or name
    action: str = ""
    target: str = ""  # id or name


class Head(msgspec.Struct, frozen=True):
    """The end of a chain; `pruned_to` is the last entry that retention removed."""

    seq: int = 0
    hash: bytes = NO_HASH
    pruned_to: int = 0


class Row(msgspec.Struct, frozen=True):
    """An entry as it is kept."""

    seq: int
    body: bytes
    hash: bytes


async def page(session: Session, *, org_id: str, wanted: Wanted, asked: Asked) -> Page[dict[str, Any]]:
    """Entries as JSON objects, newest first, personal values in place. Raises InvalidInput."""
    if not 1 <= asked.limit <= MAX_LIMIT:
        msg = f"limit: 1 to {MAX_LIMIT}"
        raise InvalidInput(msg)
    query = select(AuditEntry).where(AuditEntry.org_id == org_id, *_conditions(org_id, wanted))
    if asked.cursor:
        query = query.where(AuditEntry.seq < _seq_of(asked.cursor))
    rows = (await session.scalars(query.order_by(AuditEntry.seq.desc()).limit(asked.limit + 1))).all()
    kept = rows[: asked.limit]
    beside = await _personal(session, org_id, [row.seq for row in kept])
    found = tuple(
        opened(_raw(row.body), beside.get(row.seq, {})) | {"seq": row.seq, "hash": _raw(row.hash).hex()}
        for row in kept
    )
    return Page(rows=found, cursor=str(kept[-1].seq) if len(rows) > asked.limit else None)


async def head(session: Session, *, org_id: str) -> Head:
    """Of an organisation whose chain is empty too."""
    row = await session.get(AuditChain, org_id)
    return Head() if row is None else Head(seq=row.seq, hash=row.hash, pruned_to=row.pruned_to)


async def heads(session: Session) -> dict[str, Head]:
    """All chains, by organisation."""
    rows = await session.scalars(select(AuditChain))
    return {row.org_id: Head(seq=row.seq, hash=row.hash, pruned_to=row.pruned_to) for row in rows}


async def range_of(session: Session, *, org_id: str, wanted: Wanted) -> tuple[int, int]:
    """The first and last number within the times; (n, n - 1) when there is none. Numbers rise with time."""
    known = await head(session, org_id=org_id)
    in_time = [AuditEntry.org_id == org_id, *_times(wanted)]
    query = select(func.min(AuditEntry.seq), func.max(AuditEntry.seq)).where(*in_time)
    first, last = (await session.execute(query)).one()
    return (first, last) if first is not None else (known.seq + 1, known.seq)


async def rows(session: Session, *, org_id: str, first: int, last: int, limit: int) -> Sequence[Row]:
    """At most `limit` entries from `first` to `last`, in order."""
    query = (
        select(AuditEntry.seq, AuditEntry.body, AuditEntry.hash)
        .where(AuditEntry.org_id == org_id, AuditEntry.seq >= first, AuditEntry.seq <= last)
        .order_by(AuditEntry.seq)
        .limit(limit)
    )
    return [Row(seq, _raw(body), _raw(digest)) for seq, body, digest in await session.execute(query)]


async def hash_at(session: Session, *, org_id: str, seq: int) -> bytes:
    """The hash of an entry that is there; 32 zero bytes stand before the first."""
    if seq == 0:
        return NO_HASH
    query = select(AuditEntry.hash).where(AuditEntry.org_id == org_id, AuditEntry.seq == seq)
    return _raw(await session.scalar(query) or NO_HASH)


async def personal(session: Session, *, org_id: str, first: int, last: int) -> dict[int, list[Kept]]:
    """What is kept beside the entries from `first` to `last`, by number."""
    query = select(AuditPersonal).where(
        AuditPersonal.org_id == org_id, AuditPersonal.seq >= first, AuditPersonal.seq <= last
    )
    found: dict[int, list[Kept]] = {}
    for row in await session.scalars(query.order_by(AuditPersonal.seq, AuditPersonal.path)):
        found.setdefault(row.seq, []).append(Kept(seq=row.seq, path=row.path, salt=row.salt, value=row.value))
    return found


async def erase(session: Session, *, org_id: str, subject: str, actor: Actor, address: str = "") -> int:
    """Deletes what is kept of a person (id, e-mail address, name or client address); returns how many values.

    What others did stays theirs: of entries about the person, the person's own values go; of entries by the
    person, name and address. Hashes and proofs are not touched. The erasure is an entry, without the value.
    """
    acted = select(AuditEntry.seq).where(AuditEntry.org_id == org_id, AuditEntry.actor_id == subject)
    suffered = select(AuditEntry.seq).where(AuditEntry.org_id == org_id, AuditEntry.target_id == subject)
    about = or_(*(AuditPersonal.path.like(path) for path in _ONLY_TARGET))
    is_mail = "@" in subject
    is_it = or_(
        AuditPersonal.value.in_({subject, subject.lower()}),
        *((func.lower(AuditPersonal.value) == subject.lower(),) if is_mail else ()),
        and_(AuditPersonal.path.in_(_ONLY_ACTOR), AuditPersonal.seq.in_(acted)),
        and_(about, AuditPersonal.seq.in_(suffered)),
    )
    gone = delete(AuditPersonal).where(AuditPersonal.org_id == org_id, is_it)
    counted = gone.returning(AuditPersonal.seq).execution_options(synchronize_session=False)
    count = len((await session.execute(counted)).all())
    is_id = not is_mail and "_" in subject and " " not in subject
    draft = Draft(
        action="audit.erased",
        actor=actor,
        target=Target(kind="person", id=subject if is_id else ""),
        after={"values": count},
        address=address,
    )
    note(session, org_id, draft)
    return count


def _conditions(org_id: str, wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    yield from _times(wanted)
    if wanted.action.endswith(".*"):
        yield AuditEntry.action.startswith(wanted.action[:-1], autoescape=True)
    elif wanted.action:
        yield AuditEntry.action == wanted.action
    for path, column, sought in (
        ("actor.name", AuditEntry.actor_id, wanted.actor),
        ("target.name", AuditEntry.target_id, wanted.target),
    ):
        if sought:
            is_name = AuditPersonal.path == path, AuditPersonal.value == sought
            named = select(AuditPersonal.seq).where(AuditPersonal.org_id == org_id, *is_name)
            is_it = [column == sought, AuditEntry.seq.in_(named)]
            if path == "target.name":
                is_it.append(AuditEntry.target_name == sought)
            yield or_(*is_it)


def _times(wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    if wanted.start is not None:
        yield AuditEntry.at >= wanted.start
    if wanted.end is not None:
        yield AuditEntry.at < wanted.end


async def _personal(session: Session, org_id: str, seqs: list[int]) -> dict[int, dict[str, str]]:
    query = select(AuditPersonal).where(AuditPersonal.org_id == org_id, AuditPersonal.seq.in_(seqs))
    found: dict[int, dict[str, str]] = {}
    for row in await session.scalars(query):
        found.setdefault(row.seq, {})[row.path] = row.value
    return found


def _raw(value: bytes | str) -> bytes:
    """SQLite gives back text where somebody wrote text."""
    return value.encode() if isinstance(value, str) else value


def _seq_of(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        msg = "cursor: not one that this list gave"
        raise InvalidInput(msg)
    return int(cursor)
