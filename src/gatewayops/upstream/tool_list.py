"""All tools of a server, page by page, each as the bytes it came in."""

import msgspec
from msgspec import Raw

from gatewayops.base.errors import UpstreamError
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.conversation import conversation
from gatewayops.upstream.settings import UpstreamSettings

_MAX_PAGES = 100
_MAX_BYTES = 16 << 20


class _Page(msgspec.Struct):
    tools: list[Raw] = msgspec.field(default_factory=list)
    nextCursor: str | None = None  # noqa: N815 - MCP's name


async def list_tools(row: ServerRow, headers: dict[str, str], settings: UpstreamSettings) -> list[bytes]:
    """The whole list, or UpstreamError: half a list must not make the other half look removed."""
    found: list[bytes] = []
    size = 0
    cursor: str | None = None
    async with conversation(row, headers, settings, who="catalogue") as server:
        for _ in range(_MAX_PAGES):
            params = {} if cursor is None else {"cursor": cursor}
            page = _read(row.name, (await server.ask("tools/list", params)).payload())
            found += map(bytes, page.tools)
            size += sum(len(bytes(tool)) for tool in page.tools)
            if size > _MAX_BYTES:
                break
            cursor = page.nextCursor
            if not cursor:
                return found
    msg = f"{row.name} lists more than {_MAX_PAGES} pages or {_MAX_BYTES >> 20} MB of tools"
    raise UpstreamError(msg)


def _read(server: str, payload: bytes) -> _Page:
    try:
        return msgspec.json.decode(payload, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{server} answered tools/list with something that is no list of tools"
        raise UpstreamError(msg) from error
