"""`GET /v1/end-users/export`: end users, their sessions, consents and clients, as CSV or JSON Lines.

What people and clients call themselves is theirs to choose: no cell of a table is a formula. Sent while it is
read, a page at a time; who exported what is in the audit log before the first row leaves.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Query
from fastapi.responses import StreamingResponse

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.base import clock
from gatewayops.identity.principal import Principal, grants
from gatewayops.record.audit.export import cell, csv_lines
from gatewayops.store import origin
from gatewayops.store.audit_entry import Draft, Target
from gatewayops.store.control import audit, end_user_exports
from gatewayops.store.control.end_user_exports import COLUMNS, Export, Row

router = LateRouter(prefix="/v1/end-users", tags=["End users"])

Reader = Annotated[Principal, Depends(principal_for("end_users.read"))]
Kind = Literal["end_users", "identities", "sessions", "consents", "clients"]
Format = Literal["csv", "jsonl"]

_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {"content": {kind.partition(";")[0]: {} for kind in _TYPES.values()}, "description": "Rows"}
    },
)
async def export(
    caller: Reader,
    parts: Parts,
    kind: Annotated[Kind, Query()] = "end_users",
    form: Annotated[Format, Query(alias="format")] = "jsonl",
) -> StreamingResponse:
    """All of a kind, newest first; of sessions live ones; nothing of servers that your key leaves out."""
    async with parts.database.reading() as session:
        known = await end_user_exports.servers(session, org_id=caller.org_id)
    covered = {server_id: name for server_id, name in known.items() if grants(caller.servers, name)}
    await _note(parts, caller, kind, form)
    name = f"{kind.replace('_', '-')}-{clock.now():%Y%m%dT%H%M%SZ}.{form}"
    return StreamingResponse(
        _sent(parts, Export(kind, caller.org_id, covered), form),
        media_type=_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


async def _sent(parts: ControlParts, wanted: Export, form: str) -> AsyncIterator[bytes]:
    if form == "csv":
        yield csv_lines([COLUMNS[wanted.kind]])
    cursor: str | None = ""
    while cursor is not None:
        async with parts.database.reading() as session:
            page = await wanted.page(session, cursor)
        yield _table(page.rows) if form == "csv" else _lines(page.rows)
        cursor = page.cursor


def _lines(rows: Sequence[Row]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _table(rows: Sequence[Row]) -> bytes:
    return csv_lines([_cell(value) for value in row.values()] for row in rows)


def _cell(value: Any) -> Any:  # noqa: ANN401 - of any column
    """As the API writes it; lists with blanks between, for scopes and addresses hold none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    told = msgspec.to_builtins(value)
    return cell(" ".join(told) if isinstance(told, list) else told)


async def _note(parts: ControlParts, caller: Principal, kind: str, form: str) -> None:
    known = origin.current()
    draft = Draft(
        action="export.made",
        actor=known.actor,
        target=Target("end_users", kind),
        after={"format": form},
        address=known.address,
        request_id=known.request_id,
        trace_id=known.trace_id,
    )
    async with parts.database.session() as session:
        audit.note(session, caller.org_id, draft)
