"""The MCP server behind the bench: answers any tools/call at once, with 250 bytes that echo its id.

It lists one tool, so that arguments are held against a schema.

No framework, one process: it must cost far less than what is measured.
"""

import asyncio
import re
import sys
from typing import cast

import uvloop

_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_ID = re.compile(rb'"id": ?("[^"]*"|[0-9]+)')
_TEXT = b"The forecast for the coming days: sunny, light wind from the west, 21 degrees at noon. " * 2
_BODY = (
    b'{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","content":[{"type":"text","text":"'
    + _TEXT[:140]
    + b'"}],"isError":false}}'
)
_TOOLS = (
    b'{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","tools":[{"name":"forecast","inputSchema":{'
    b'"type":"object","required":["city"],"properties":{"city":{"type":"string","maxLength":100},'
    b'"country":{"type":"string","pattern":"^[A-Z]{2}$"},"days":{"type":"integer","minimum":1,"maximum":14},'
    b'"units":{"enum":["metric","imperial"]},"note":{"type":"string"},'
    b'"fields":{"type":"array","items":{"type":"string"}}}}}]}}'
)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One connection; requests in order."""

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps it for the answers. (uvloop's transports do not inherit from asyncio's.)"""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answers each whole request in it."""
        self._rest += data
        while (head_end := self._rest.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._rest, 0, head_end)
            end = head_end + 4 + (int(length.group(1)) if length is not None else 0)
            if len(self._rest) < end:
                return
            found = _ID.search(self._rest, head_end, end)
            shown = _TOOLS if self._rest.find(b'"tools/list"', head_end, end) >= 0 else _BODY
            body = shown % (found.group(1) if found is not None else b"null")
            self._transport.write(_HEAD % len(body) + body)
            self._rest = self._rest[end:]


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
