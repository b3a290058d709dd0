"""Lists by the page, newest first: keyset cursors, so that rows added meanwhile shift nothing."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, and_, or_

from gatewayops.base.errors import InvalidInput
from gatewayops.store.control.database import Session
from gatewayops.store.control.tables import OwnedTable

MAX_LIMIT = 200

T = TypeVar("T")
Row = TypeVar("Row", bound=OwnedTable)


class Asked(msgspec.Struct, frozen=True):
    """Which part of a list: how many rows, and behind which cursor (empty: from the start)."""

    limit: int = 50
    cursor: str = ""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page; `cursor` asks for the next and is None at the end."""

    rows: tuple[T, ...]
    cursor: str | None

    @property
    def has_more(self) -> bool:
        """Whether there is a next page."""
        return self.cursor is not None


class _Place(msgspec.Struct, frozen=True, array_like=True):
    created_at: datetime
    id: str


async def page_of(session: Session, rows: Select[Row], table: type[Row], asked: Asked) -> Page[Row]:
    """The asked page of `rows`; raises InvalidInput for a limit or a cursor that cannot be."""
    if not 1 <= asked.limit <= MAX_LIMIT:
        msg = f"limit: 1 to {MAX_LIMIT}"
        raise InvalidInput(msg)
    if asked.cursor:
        rows = rows.where(_behind(table, _read(asked.cursor)))
    rows = rows.order_by(table.created_at.desc(), table.id.desc()).limit(asked.limit + 1)
    found = (await session.scalars(rows)).all()
    kept = tuple(found[: asked.limit])
    return Page(rows=kept, cursor=_write(kept[-1]) if len(found) > asked.limit else None)


def _behind(table: type[Row], place: _Place) -> ColumnElement[bool]:
    return or_(
        table.created_at < place.created_at,
        and_(table.created_at == place.created_at, table.id < place.id),
    )


def _write(row: OwnedTable) -> str:
    raw = msgspec.json.encode(_Place(created_at=row.created_at, id=row.id))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read(cursor: str) -> _Place:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = msgspec.json.decode(raw, type=_Place)
        place.created_at.astimezone(UTC)  # the very first and last hours of other zones have no UTC
    except (binascii.Error, ValueError, OverflowError, msgspec.DecodeError) as error:
        msg = "cursor: not one that this list gave"
        raise InvalidInput(msg) from error
    if place.created_at.tzinfo is None or not place.id.isprintable():
        msg = "cursor: not one that this list gave"
        raise InvalidInput(msg)
    return place
