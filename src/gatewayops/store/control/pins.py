"""Pinned tools in the control store: what servers show is compared with what was approved, and kept.

The first whole list of a server is trusted; afterwards `block` holds what is new or differs until a person
approves it, `warn` keeps it for a person to see and lets it pass, `allow` approves it. What a person
rejected is held whatever the mode. Approval names the hash that was looked at.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import select

from gatewayops.base.errors import Conflict, NotFound
from gatewayops.store.control import pin_schedule, pin_state, pinning, revision
from gatewayops.store.control import rows as adding
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.pin_state import BY_FIRST_SIGHT, BY_MODE, Mode, SeenTool
from gatewayops.store.control.pin_tables import PinningSetting, ToolCatalogue, ToolPin
from gatewayops.store.control.pinning import DEFAULT_MODE, Pinning, mode_of
from gatewayops.store.control.tables import McpServer
from gatewayops.store.snapshot import CatalogueRow, ToolRow

State = Literal["approved", "held", "rejected"]

MAX_TOOLS = 2000  # a server


class Decision(msgspec.Struct, frozen=True):
    """About which definition somebody decided, and who."""

    hash: str
    by: str


class Catalogue(msgspec.Struct, frozen=True):
    """What is known of a server's tools as a whole; `listed_at` None: nothing yet."""

    pinning: Pinning
    listed_at: datetime | None = None
    asked_at: datetime | None = None
    failure: str = ""


class Pin(msgspec.Struct, frozen=True):
    """A tool. `current` is what the server shows; `approved` what was approved, None when nothing was."""

    id: str
    name: str
    state: State
    is_blocked: bool
    is_listed: bool
    hash: str
    current: bytes
    approved_hash: str | None
    approved: bytes | None
    first_seen_at: datetime
    last_seen_at: datetime
    changed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


async def take(
    session: Session, *, org_id: str, server_id: str, seen: Sequence[SeenTool], is_whole: bool
) -> bool:
    """Compares what a server showed with what is kept; says whether anything changed for gateways.

    Only a whole list (`is_whole`) makes a server known, and only by one can a tool be missed; parts of a
    list from a server that is not known yet make it the next to be asked.
    """
    known = await pin_schedule.catalogue_of(session, org_id=org_id, server_id=server_id)
    is_first = known.listed_at is None
    if is_first and not is_whole:
        await pin_schedule.ask_now(session, org_id=org_id, server_id=server_id)
        return False
    mode = (await pinning.find(session, org_id=org_id, server_id=server_id)).mode
    query = select(ToolPin).where(ToolPin.org_id == org_id, ToolPin.server_id == server_id)
    pins = {pin.name: pin for pin in await session.scalars(query)}
    before = {name: pin_state.effective(pin, mode) for name, pin in pins.items()}
    for tool in seen:
        if tool.name in pins:
            pin_state.see(pins[tool.name], tool, mode)
        elif len(pins) < MAX_TOOLS:
            pins[tool.name] = pin = pin_state.new(org_id, server_id, tool)
            if mode == "allow" or (is_first and tool.is_trusted):
                pin_state.approve(pin, by=BY_FIRST_SIGHT if is_first else BY_MODE)
            session.add(pin)
    if is_whole:
        pin_state.miss(pins, seen)
    await adding.flush(session, taken="another look at this server's tools came first")
    if is_whole:
        await pin_schedule.answered(session, org_id=org_id, server_id=server_id)
    has_changed = is_first or before != {name: pin_state.effective(pin, mode) for name, pin in pins.items()}
    if has_changed:
        await revision.bump(session)
    return has_changed


async def catalogue(session: Session, *, org_id: str, server_id: str) -> Catalogue:
    """What is known of the server's tools as a whole."""
    holds = await pinning.find(session, org_id=org_id, server_id=server_id)
    row = await pin_schedule.find_catalogue(session, org_id=org_id, server_id=server_id)
    if row is None:
        return Catalogue(holds)
    return Catalogue(holds, row.listed_at, row.asked_at, row.failure or "")


async def rows(session: Session) -> tuple[tuple[ToolRow, ...], tuple[CatalogueRow, ...]]:
    """What gateways must know of every server whose tools are known."""
    common = {row.org_id: row.mode for row in await session.scalars(select(PinningSetting))}
    query = select(ToolCatalogue, McpServer.name).join(McpServer, McpServer.id == ToolCatalogue.server_id)
    catalogues: dict[str, CatalogueRow] = {}
    for row, server in await session.execute(query.where(ToolCatalogue.listed_at.is_not(None))):
        mode = mode_of(row.mode or common.get(row.org_id, DEFAULT_MODE))
        catalogues[row.server_id] = CatalogueRow(org_id=row.org_id, server=server, pinning=mode)
    pins = await session.scalars(select(ToolPin).order_by(ToolPin.id))
    tools = (_tool_row(pin, catalogues[pin.server_id]) for pin in pins if pin.server_id in catalogues)
    return tuple(tools), tuple(catalogues.values())


async def page(session: Session, *, org_id: str, server_id: str, asked: Asked) -> Page[Pin]:
    """The server's tools, newest first."""
    mode = (await pinning.find(session, org_id=org_id, server_id=server_id)).mode
    query = select(ToolPin).where(ToolPin.org_id == org_id, ToolPin.server_id == server_id)
    found = await page_of(session, query, ToolPin, asked)
    return Page(rows=tuple(_pin(row, mode) for row in found.rows), cursor=found.cursor)


async def find(session: Session, *, org_id: str, server_id: str, name: str) -> Pin:
    """Raises NotFound."""
    mode = (await pinning.find(session, org_id=org_id, server_id=server_id)).mode
    return _pin(await _row(session, org_id, server_id, name), mode)


async def gone(session: Session, *, org_id: str, server_id: str) -> list[Pin]:
    """Approved tools that the server lists no longer: one of them may have been renamed."""
    mode = (await pinning.find(session, org_id=org_id, server_id=server_id)).mode
    query = select(ToolPin).where(
        ToolPin.org_id == org_id,
        ToolPin.server_id == server_id,
        ToolPin.is_listed.is_(False),
        ToolPin.approved_hash.is_not(None),
    )
    return [_pin(row, mode) for row in await session.scalars(query)]


async def approve(session: Session, *, org_id: str, server_id: str, name: str, decision: Decision) -> Pin:
    """Approves the definition of that hash; raises NotFound, and Conflict when another is offered now."""
    row = await _locked_row(session, org_id, server_id, name)
    _check_current(row, decision.hash)
    pin_state.approve(row, by=decision.by)
    await session.flush()
    await revision.bump(session)
    return _pin(row, (await pinning.find(session, org_id=org_id, server_id=server_id)).mode)


async def reject(session: Session, *, org_id: str, server_id: str, name: str, decision: Decision) -> Pin:
    """Holds the definition of that hash in every mode, an approved one too; raises as `approve` does."""
    row = await _locked_row(session, org_id, server_id, name)
    _check_current(row, decision.hash)
    pin_state.reject(row, by=decision.by)
    await session.flush()
    await revision.bump(session)
    return _pin(row, (await pinning.find(session, org_id=org_id, server_id=server_id)).mode)


async def _locked_row(session: Session, org_id: str, server_id: str, name: str) -> ToolPin:
    """No look at the server's tools comes between reading and writing."""
    await pin_schedule.catalogue_of(session, org_id=org_id, server_id=server_id)
    return await _row(session, org_id, server_id, name)


def _check_current(row: ToolPin, seen_hash: str) -> None:
    if row.current_hash != seen_hash:
        msg = f"hash: the tool {row.name} is another one by now ({row.current_hash}); look at the diff again"
        raise Conflict(msg)


async def _row(session: Session, org_id: str, server_id: str, name: str) -> ToolPin:
    which = ToolPin.org_id == org_id, ToolPin.server_id == server_id, ToolPin.name == name
    row = await session.scalar(select(ToolPin).where(*which))
    if row is None:
        msg = "the server has shown no tool of that name"
        raise NotFound(msg)
    return row


def _pin(row: ToolPin, mode: Mode) -> Pin:
    is_approved = row.current_hash == row.approved_hash
    state: State = "approved" if is_approved else "held"
    if row.current_hash == row.rejected_hash:
        state = "rejected"
    current = row.approved_definition if is_approved else row.other_definition
    return Pin(
        id=row.id,
        name=row.name,
        state=state,
        is_blocked=pin_state.effective(row, mode).is_held,
        is_listed=row.is_listed,
        hash=row.current_hash,
        current=current or b"",
        approved_hash=row.approved_hash,
        approved=row.approved_definition,
        first_seen_at=row.created_at,
        last_seen_at=row.last_seen_at,
        changed_at=row.changed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _tool_row(pin: ToolPin, of: CatalogueRow) -> ToolRow:
    counts = pin_state.effective(pin, mode_of(of.pinning))
    return ToolRow(
        org_id=pin.org_id,
        server=of.server,
        name=pin.name,
        definition=counts.definition,
        hash=counts.hash,
        state="held" if counts.is_held else "approved",
    )
