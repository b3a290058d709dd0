"""Data keys, wrapped: the newest of an organisation seals, each opens what it sealed."""

from collections.abc import Sequence

from sqlalchemy import func, select

from gatewayops.store.control import revision
from gatewayops.store.control.data_key_tables import DataKey
from gatewayops.store.control.database import Session
from gatewayops.store.snapshot import DataKeyRow


async def rows(session: Session) -> tuple[DataKeyRow, ...]:
    """All of all organisations, for gateways."""
    return tuple(map(_row, await session.scalars(select(DataKey))))


async def newest(session: Session, *, org_id: str) -> DataKeyRow | None:
    """The one that seals now."""
    query = select(DataKey).where(DataKey.org_id == org_id)
    row = await session.scalar(query.order_by(DataKey.created_at.desc(), DataKey.id.desc()).limit(1))
    return None if row is None else _row(row)


async def find(session: Session, *, org_id: str, key_id: str) -> DataKeyRow | None:
    """One of the organisation's."""
    row = await session.scalar(select(DataKey).where(DataKey.org_id == org_id, DataKey.id == key_id))
    return None if row is None else _row(row)


async def add(session: Session, row: DataKeyRow) -> None:
    """Makes it the newest."""
    session.add(DataKey(id=row.id, org_id=row.org_id, version=row.version, wrapped=row.wrapped))
    await session.flush()
    await revision.bump(session)


async def not_under(session: Session, version: str, *, limit: int) -> Sequence[DataKeyRow]:
    """Some of those that another version of the master key wrapped, of all organisations."""
    query = select(DataKey).where(DataKey.version != version).order_by(DataKey.id).limit(limit)
    return tuple(map(_row, await session.scalars(query)))


async def put_wrapped(session: Session, before: DataKeyRow, after: DataKeyRow) -> None:
    """Writes the new wrapping, unless another rotation was quicker."""
    query = select(DataKey).where(DataKey.org_id == before.org_id, DataKey.id == before.id)
    row = await session.scalar(query.with_for_update())
    if row is not None and row.wrapped == before.wrapped:
        row.version, row.wrapped = after.version, after.wrapped
        await revision.bump(session)


async def by_version(session: Session, *, org_id: str | None = None) -> dict[str, int]:
    """How many keys each version of the master key wraps; of all organisations when none is named."""
    query = select(DataKey.version, func.count()).group_by(DataKey.version).order_by(DataKey.version)
    if org_id is not None:
        query = query.where(DataKey.org_id == org_id)
    return {row[0]: row[1] for row in await session.execute(query)}


def _row(row: DataKey) -> DataKeyRow:
    return DataKeyRow(id=row.id, org_id=row.org_id, version=row.version, wrapped=row.wrapped)
