"""How far each consumer of the spool has come, in the transaction that keeps what it made of the records."""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import BigInteger, String, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.base.errors import Conflict
from gatewayops.store.control.database import Session
from gatewayops.store.control.tables import Table


class PositionMoved(Conflict):
    """Another process of ours has taken these records already."""


class SpoolPosition(Table):
    """`consumer` has kept the first `offset` bytes of a segment."""

    __tablename__ = "spool_positions"

    consumer: Mapped[str] = mapped_column(String(32), primary_key=True)
    segment: Mapped[str] = mapped_column(String(100), primary_key=True)
    offset: Mapped[int] = mapped_column(BigInteger)


class Part(Protocol):
    """record.progress.Range."""

    @property
    def segment(self) -> str:
        """`<writer>/<name>`."""

    @property
    def start(self) -> int:
        """Where the range before ended."""

    @property
    def end(self) -> int:
        """Behind the last whole frame."""


class StepTaken(Protocol):
    """record.consumers.Step."""

    @property
    def ranges(self) -> Iterable["Part"]:
        """What was taken."""

    @property
    def gone(self) -> Iterable[str]:
        """What need not be kept any more."""


async def offsets(session: Session, consumer: str) -> dict[str, int]:
    """By segment; a segment that is not in it was not begun."""
    query = select(SpoolPosition).where(SpoolPosition.consumer == consumer)
    return {row.segment: row.offset for row in await session.scalars(query)}


async def advance(session: Session, consumer: str, step: StepTaken) -> None:
    """Moves on from exactly where each range begins; raises PositionMoved when that is not where we are.

    The transaction is lost then. Nothing here goes through the unit of work: it is no configuration.
    """
    for part in step.ranges:
        await _move(session, consumer, part)
    for segment in step.gone:
        await session.execute(
            delete(SpoolPosition).where(SpoolPosition.consumer == consumer, SpoolPosition.segment == segment)
        )


async def _move(session: Session, consumer: str, part: Part) -> None:
    moved = await session.scalar(
        update(SpoolPosition)
        .where(
            SpoolPosition.consumer == consumer,
            SpoolPosition.segment == part.segment,
            SpoolPosition.offset == part.start,
        )
        .values(offset=part.end)
        .returning(SpoolPosition.offset)
    )
    if moved is not None:
        return
    msg = f"another process has taken records of {part.segment} for the {consumer}"
    if part.start:
        raise PositionMoved(msg)
    row = {"consumer": consumer, "segment": part.segment, "offset": part.end}
    try:
        await session.execute(insert(SpoolPosition).values(**row))
    except IntegrityError as error:
        raise PositionMoved(msg) from error
