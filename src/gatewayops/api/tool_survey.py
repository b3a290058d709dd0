"""Surveys of tools: what a server shows, as it becomes part of the catalogue.

The control role asks a server itself (`survey`), and takes what gateways saw pass (`take_sightings`).
Hashes are always worked out here, whatever a sender said.
"""

from collections.abc import Iterable

from gatewayops.api.parts import ControlParts
from gatewayops.api.upstream_headers import open_headers
from gatewayops.base.errors import GatewayOpsError, NotFound, UpstreamError
from gatewayops.policy.pins.definition import MAX_DEFINITION_BYTES, definition_hash, name_of
from gatewayops.policy.pins.diff import hides_text
from gatewayops.policy.pins.pins import Seen
from gatewayops.store.control import pin_schedule, pins, servers
from gatewayops.store.control.pin_state import SeenTool
from gatewayops.store.snapshot import USER_OAUTH
from gatewayops.upstream.tool_list import list_tools


async def survey(parts: ControlParts, *, org_id: str, server_id: str) -> None:
    """Asks the server for all its tools and compares; a failure is written down, then raised."""
    async with parts.database.session() as session:
        server = await servers.find(session, org_id=org_id, ref=server_id)
        await pin_schedule.asked(session, org_id=org_id, server_id=server_id)
    try:
        if server.spec.upstream_auth == USER_OAUTH:  # and nobody's account is used behind their back
            msg = f"{server.spec.name} takes each user's own account; its tools are learned from their lists"
            raise UpstreamError(msg)
        headers = await open_headers(parts.credentials, server.headers, org_id=org_id, server_id=server_id)
        listed = await list_tools(server.row(), headers, parts.upstream)
    except GatewayOpsError as error:
        async with parts.database.session() as session:
            await pin_schedule.failed(session, org_id=org_id, server_id=server_id, why=error.detail)
        raise
    seen = _readable(listed)
    async with parts.database.session() as session:
        now = await servers.find(session, org_id=org_id, ref=server_id)
        if now.updated_at != server.updated_at:  # another server answered: this one is due again
            return
        await pins.take(session, org_id=org_id, server_id=server_id, seen=seen, is_whole=True)
        if missing := len(listed) - len(seen):
            why = f"{missing} tools are held: no usable name, or over {MAX_DEFINITION_BYTES >> 10} KB"
            await pin_schedule.failed(session, org_id=org_id, server_id=server_id, why=why)


async def take_sightings(parts: ControlParts, seen: Iterable[Seen]) -> None:
    """What gateways saw pass, server by server; servers that are gone meanwhile are left out."""
    by_server: dict[tuple[str, str], list[bytes]] = {}
    for one in seen:
        definitions = by_server.setdefault((one.org_id, one.server), [])
        if one.definition:
            definitions.append(one.definition)
    for (org_id, name), definitions in by_server.items():
        async with parts.database.session() as session:
            try:
                server = await servers.find(session, org_id=org_id, ref=name)
            except NotFound:
                continue
            await pins.take(
                session, org_id=org_id, server_id=server.id, seen=_readable(definitions), is_whole=False
            )


def _readable(definitions: Iterable[bytes]) -> list[SeenTool]:
    return [
        SeenTool(
            name=name,
            definition=raw,
            hash=definition_hash(raw),
            is_trusted=not hides_text(raw),
        )
        for raw in definitions
        if len(raw) <= MAX_DEFINITION_BYTES and (name := name_of(raw))
    ]
