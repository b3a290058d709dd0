"""The test of a server: reach it, find its era, ask for its name and its tools. Changes nothing there."""

import time
from dataclasses import dataclass

import msgspec

from gatewayops.base.errors import UpstreamError
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.conversation import conversation
from gatewayops.upstream.settings import UpstreamSettings


@dataclass(frozen=True, slots=True)
class Probe:
    """What a server said of itself."""

    era: str
    server_name: str
    server_version: str
    tools: tuple[str, ...]
    latency_ms: float


class _Named(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Tools(msgspec.Struct):
    tools: list[_Named] = msgspec.field(default_factory=list)


async def probe(row: ServerRow, headers: dict[str, str], settings: UpstreamSettings) -> Probe:
    """Asks the server. Raises UpstreamError (unreachable, timeout, address refused, no MCP)."""
    begun = time.perf_counter()
    async with conversation(row, headers, settings, who="probe") as server:
        era = await server.era()
        tools = await server.ask("tools/list", {})
        named = server.client.server_info(server.upstream)
    try:
        listed = msgspec.json.decode(tools.payload(), type=_Tools).tools
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{row.name} answered tools/list with something that is no list of tools"
        raise UpstreamError(msg) from error
    latency_ms = round((time.perf_counter() - begun) * 1000, 1)
    return Probe(era, named[0], named[1], tuple(tool.name for tool in listed), latency_ms)
