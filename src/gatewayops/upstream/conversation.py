"""A conversation that the control role begins with a server: own connections, one clock, no retries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gatewayops.base.errors import UpstreamError, UpstreamTimeout
from gatewayops.protocol.reply import Reply
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.exchange import Exchange, Headers
from gatewayops.upstream.mcp_client import McpClient
from gatewayops.upstream.registry import Upstream
from gatewayops.upstream.settings import UpstreamSettings


@dataclass(frozen=True, slots=True)
class Conversation:
    """Asks; every failure is an UpstreamError. `who` is whose session it is on a legacy server."""

    upstream: Upstream
    client: McpClient
    who: str

    async def era(self) -> str:
        """`modern` or `legacy`."""
        return await self.client.era(self.upstream, self._carry)

    async def ask(self, method: str, params: dict[str, Any]) -> Reply:
        """The server's result; raises UpstreamError for an error of its own too."""
        reply = await self.client.request(self.upstream, self._carry, self.who, method, params)
        failure = reply.failure()
        if failure is not None:
            msg = f"{self.upstream.name} answered {method} with error {failure.code}: {failure.message}"
            raise UpstreamError(msg)
        return reply

    async def _carry(self, extra: Headers, body: bytes) -> Exchange:
        exchange = await self.upstream.pool.send(self.upstream.request(b"POST", extra, body))
        await exchange.answered
        return exchange


@asynccontextmanager
async def conversation(
    row: ServerRow, headers: dict[str, str], settings: UpstreamSettings, *, who: str
) -> AsyncIterator[Conversation]:
    """Open until the block ends, for as long as one call to the server may take. Raises UpstreamTimeout."""
    upstream = Upstream(row, settings, headers=headers)
    try:
        async with asyncio.timeout(row.timeout_s):
            yield Conversation(upstream, McpClient(max_answer_bytes=settings.max_answer_bytes), who)
    except TimeoutError:
        msg = f"{row.name} did not answer within {row.timeout_s:g} s"
        raise UpstreamTimeout(msg) from None
    finally:
        upstream.pool.close()
