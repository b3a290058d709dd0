"""The mode of pinning: of a server, else of its organisation, else `block`."""

from typing import Literal

import msgspec
from sqlalchemy import select

from gatewayops.base.ids import new_id
from gatewayops.store.control import pin_schedule, pin_state, revision, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.pin_state import Mode
from gatewayops.store.control.pin_tables import PinningSetting, ToolCatalogue, ToolPin

DEFAULT_MODE: Mode = "block"


class Pinning(msgspec.Struct, frozen=True):
    """What holds, and who said so."""

    mode: Mode
    source: Literal["server", "organisation", "default"]


async def find(session: Session, *, org_id: str, server_id: str = "") -> Pinning:
    """What holds for a server, or for the organisation when none is given."""
    if server_id:
        row = await pin_schedule.find_catalogue(session, org_id=org_id, server_id=server_id)
        if row is not None and row.mode is not None:
            return Pinning(mode_of(row.mode), "server")
    common = await session.scalar(select(PinningSetting.mode).where(PinningSetting.org_id == org_id))
    return Pinning(DEFAULT_MODE, "default") if common is None else Pinning(mode_of(common), "organisation")


async def put(session: Session, *, org_id: str, server_id: str = "", mode: Mode | None) -> Pinning:
    """Of a server, or of the organisation when none is given; None returns to what is above it.

    Where `allow` holds from now on, all that is offered now is approved, except what was rejected.
    """
    if server_id:
        catalogue = await pin_schedule.catalogue_of(session, org_id=org_id, server_id=server_id)
        catalogue.mode = mode
    else:
        await _put_common(session, org_id, mode)
    await session.flush()
    now = await find(session, org_id=org_id, server_id=server_id)
    if now.mode == "allow":
        of_whom = ToolCatalogue.server_id == server_id if server_id else ToolCatalogue.mode.is_(None)
        query = select(ToolPin).join(ToolCatalogue, ToolCatalogue.server_id == ToolPin.server_id)
        for pin in await session.scalars(query.where(ToolPin.org_id == org_id, of_whom).with_for_update()):
            pin_state.accept(pin)
    await session.flush()
    await revision.bump(session)
    return now


def mode_of(text: str) -> Mode:
    """A stored mode; what cannot be read blocks."""
    return "allow" if text == "allow" else "warn" if text == "warn" else "block"


async def _put_common(session: Session, org_id: str, mode: Mode | None) -> None:
    row = await session.scalar(select(PinningSetting).where(PinningSetting.org_id == org_id))
    if row is not None and mode is not None:
        row.mode = mode
    elif row is not None:
        await session.delete(row)
    elif mode is not None:
        row = PinningSetting(id=new_id("pinning"), org_id=org_id, mode=mode)
        await rows.add(session, row, taken="another change of this setting came first")
