"""The test of a server: reach it, find its era, ask for its name and its tools. Changes nothing there."""

import asyncio
import time
from dataclasses import dataclass

import msgspec

from gatewayops.base.errors import UpstreamError, UpstreamTimeout
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.exchange import Exchange, Headers
from gatewayops.upstream.mcp_client import McpClient
from gatewayops.upstream.registry import Upstream
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
    upstream = Upstream(row, settings, headers=headers)
    client = McpClient(max_answer_bytes=settings.max_answer_bytes)

    async def carry(extra: Headers, body: bytes) -> Exchange:
        exchange = await upstream.pool.send(upstream.request(b"POST", extra, body))
        await exchange.answered
        return exchange

    begun = time.perf_counter()
    try:
        async with asyncio.timeout(row.timeout_s):
            era = await client.era(upstream, carry)
            tools = await client.request(upstream, carry, "probe", "tools/list", {})
    except TimeoutError:
        msg = f"{row.name} did not answer within {row.timeout_s:g} s"
        raise UpstreamTimeout(msg) from None
    finally:
        upstream.pool.close()
    failure = tools.failure()
    if failure is not None:
        msg = f"{row.name} answered tools/list with error {failure.code}: {failure.message}"
        raise UpstreamError(msg)
    named = client.server_info(upstream)
    listed = msgspec.json.decode(tools.payload(), type=_Tools).tools
    latency_ms = round((time.perf_counter() - begun) * 1000, 1)
    return Probe(era, named[0], named[1], tuple(tool.name for tool in listed), latency_ms)
