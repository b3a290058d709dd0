"""The lists of tools that gateways show: which tools each server has in its list, and how large they are."""

import msgspec
from sqlalchemy import select

from gatewayops.store.control import pin_state, pinning
from gatewayops.store.control.database import Session
from gatewayops.store.control.pin_tables import ToolCatalogue, ToolPin
from gatewayops.store.control.pinning import mode_of
from gatewayops.store.control.tables import McpServer


class ListedTool(msgspec.Struct, frozen=True):
    """A tool in a server's list, and the bytes of its definition."""

    server: str
    tool: str
    size_bytes: int


async def listed(session: Session, *, org_id: str) -> list[ListedTool]:
    """All tools that the organisation's servers offer and that are not held, by server and name."""
    common = (await pinning.find(session, org_id=org_id)).mode
    catalogues = select(ToolCatalogue).where(ToolCatalogue.org_id == org_id)
    modes = {row.server_id: mode_of(row.mode or common) for row in await session.scalars(catalogues)}
    query = (
        select(ToolPin, McpServer.name)
        .join(McpServer, McpServer.id == ToolPin.server_id)
        .where(ToolPin.org_id == org_id, ToolPin.is_listed)
        .order_by(McpServer.name, ToolPin.name)
    )
    found = []
    for pin, server in await session.execute(query):
        counts = pin_state.effective(pin, modes.get(pin.server_id, common))
        if not counts.is_held:
            found.append(ListedTool(server, pin.name, len(counts.definition)))
    return found
