"""Destinations of exports: where calls go as spans."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows as row_writes
from gatewayops.store.control.database import Session
from gatewayops.store.control.export_tables import ExportDestination
from gatewayops.store.control.paging import Asked, Page, page_of


class DestinationSpec(msgspec.Struct, frozen=True):
    """What is decided about a destination; `headers_sealed` opens under `export_binding`."""

    name: str
    preset: str
    endpoint: str
    protocol: str = "http/protobuf"
    header_names: tuple[str, ...] = ()
    headers_sealed: bytes = b""
    is_gzip: bool = True
    allows_private: bool = False
    with_payloads: bool = False
    is_enabled: bool = True
    servers: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    sample_ratio: float = 1.0


class Destination(msgspec.Struct, frozen=True):
    """A destination as it is kept."""

    id: str
    org_id: str
    created_at: datetime
    spec: DestinationSpec


def new_destination_id() -> str:
    """Before it is added: its headers are sealed for it."""
    return new_id("export")


def export_binding(org_id: str, destination_id: str) -> bytes:
    """The additional data under which a destination's headers are sealed."""
    return f"export:{org_id}:{destination_id}".encode()


async def add(session: Session, *, org_id: str, destination_id: str, spec: DestinationSpec) -> Destination:
    """Raises Conflict when the name is taken."""
    columns = msgspec.structs.asdict(spec)
    for name in ("header_names", "servers", "statuses"):
        columns[name] = list(columns[name])
    row = ExportDestination(id=destination_id, org_id=org_id, **columns)
    await row_writes.add(session, row, taken=f"an export named {spec.name} is there already")
    return _destination(row)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Destination]:
    """The organisation's, newest first."""
    query = select(ExportDestination).where(ExportDestination.org_id == org_id)
    found = await page_of(session, query, ExportDestination, asked)
    return Page(rows=tuple(_destination(row) for row in found.rows), cursor=found.cursor)


async def find(session: Session, *, org_id: str, ref: str) -> Destination:
    """By id or name. Raises NotFound."""
    return _destination(await _row(session, org_id, ref))


async def change(
    session: Session, *, org_id: str, destination_id: str, columns: Mapping[str, Any]
) -> Destination:
    """Sets these fields of the spec; what waits stays. Raises NotFound."""
    row = await _row(session, org_id, destination_id)
    for name, value in columns.items():
        setattr(row, name, list(value) if isinstance(value, tuple) else value)
    return _destination(row)


async def remove(session: Session, *, org_id: str, ref: str) -> None:
    """Raises NotFound."""
    await session.delete(await _row(session, org_id, ref))


async def every(session: Session) -> tuple[Destination, ...]:
    """Of all organisations, for the control role that sends."""
    return tuple(_destination(row) for row in await session.scalars(select(ExportDestination)))


async def _row(session: Session, org_id: str, ref: str) -> ExportDestination:
    is_it = (ExportDestination.id == ref) | (ExportDestination.name == ref)
    row = await session.scalar(select(ExportDestination).where(ExportDestination.org_id == org_id, is_it))
    if row is None:
        msg = "no export of that id or name"
        raise NotFound(msg)
    return row


def _destination(row: ExportDestination) -> Destination:
    spec = {name: getattr(row, name) for name in DestinationSpec.__struct_fields__}
    for name in ("header_names", "servers", "statuses"):
        spec[name] = tuple(spec[name])
    return Destination(row.id, row.org_id, row.created_at, DestinationSpec(**spec))
