"""Transformations of calls, in the order of their position; steps are checked by the caller."""

from typing import Any

import msgspec
from sqlalchemy import func, select

from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.servers import Headers
from gatewayops.store.control.validation_tables import TransformRule
from gatewayops.store.snapshot import StepRow, TransformRow

MAX_TRANSFORMS = 500  # of an organisation: all of them are in every gateway's memory
_TAKEN = "a transformation of this name is there"


class TransformSpec(msgspec.Struct, frozen=True):
    """What somebody decides about a transformation; empty `server` or `tool` means any."""

    name: str
    server: str = ""
    tool: str = ""
    position: int = 0
    request: tuple[StepRow, ...] = ()
    response: tuple[StepRow, ...] = ()


class Transformation(msgspec.Struct, frozen=True):
    """A transformation that is kept."""

    id: str
    spec: TransformSpec
    headers: Headers


def new_transform_id() -> str:
    """Header values are sealed for an id, so the id comes first."""
    return new_id("trans")


async def add(
    session: Session, *, org_id: str, transform_id: str, spec: TransformSpec, headers: Headers
) -> Transformation:
    """Raises Conflict for a name that is taken, InvalidInput when there are too many."""
    query = select(func.count()).select_from(TransformRule).where(TransformRule.org_id == org_id)
    if (await session.scalar(query) or 0) >= MAX_TRANSFORMS:
        msg = f"an organisation has at most {MAX_TRANSFORMS} transformations"
        raise InvalidInput(msg)
    row = TransformRule(id=transform_id, org_id=org_id, **_columns(spec, headers))
    await rows.add(session, row, taken=_TAKEN)
    await revision.bump(session)
    return _transformation(row)


async def replace(
    session: Session, *, org_id: str, transform_id: str, spec: TransformSpec, headers: Headers | None
) -> Transformation:
    """Headers stay when None is given. Raises NotFound, and Conflict for a name that is taken."""
    row = await _find(session, org_id, transform_id)
    for column, value in _columns(spec, headers).items():
        setattr(row, column, value)
    await rows.flush(session, taken=_TAKEN)
    await revision.bump(session)
    return _transformation(row)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Transformation]:
    """The organisation's transformations, newest first."""
    query = select(TransformRule).where(TransformRule.org_id == org_id)
    found = await page_of(session, query, TransformRule, asked)
    return Page(rows=tuple(map(_transformation, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, transform_id: str) -> Transformation:
    """Raises NotFound."""
    return _transformation(await _find(session, org_id, transform_id))


async def remove(session: Session, *, org_id: str, transform_id: str) -> None:
    """Raises NotFound."""
    await session.delete(await _find(session, org_id, transform_id))
    await revision.bump(session)


async def snapshot_rows(session: Session) -> tuple[TransformRow, ...]:
    """What gateways must know, of all organisations, in the order in which it applies."""
    query = select(TransformRule).order_by(TransformRule.position, TransformRule.created_at, TransformRule.id)
    return tuple(
        TransformRow(
            id=row.id,
            org_id=row.org_id,
            server=row.server,
            tool=row.tool,
            request=_steps(row.request),
            response=_steps(row.response),
            sealed_headers=row.sealed_headers,
        )
        for row in await session.scalars(query)
    )


async def _find(session: Session, org_id: str, transform_id: str) -> TransformRule:
    query = select(TransformRule).where(TransformRule.org_id == org_id, TransformRule.id == transform_id)
    row = await session.scalar(query)
    if row is None:
        msg = "no transformation of that id"
        raise NotFound(msg)
    return row


class _Step(msgspec.Struct):
    """As it is kept: readable, with the value as JSON inside."""

    op: str
    path: str
    to: str = ""
    value: msgspec.Raw = msgspec.Raw(b"")


def _columns(spec: TransformSpec, headers: Headers | None) -> dict[str, Any]:
    columns = {field: getattr(spec, field) for field in TransformSpec.__struct_fields__}
    columns |= {"request": _text(spec.request), "response": _text(spec.response)}
    if headers is not None:
        columns |= {"header_names": list(headers.names), "sealed_headers": headers.sealed}
    return columns


def _text(steps: tuple[StepRow, ...]) -> str:
    kept = [
        {"op": step.op, "path": step.path}
        | ({"to": step.to} if step.to else {})
        | ({"value": msgspec.Raw(step.value)} if step.value else {})
        for step in steps
    ]
    return msgspec.json.encode(kept).decode()


def _steps(text: str) -> tuple[StepRow, ...]:
    kept = msgspec.json.decode(text, type=list[_Step])
    return tuple(StepRow(op=step.op, path=step.path, to=step.to, value=bytes(step.value)) for step in kept)


def _transformation(row: TransformRule) -> Transformation:
    spec = TransformSpec(
        name=row.name,
        server=row.server,
        tool=row.tool,
        position=row.position,
        request=_steps(row.request),
        response=_steps(row.response),
    )
    return Transformation(
        id=row.id, spec=spec, headers=Headers(names=tuple(row.header_names), sealed=row.sealed_headers)
    )
