"""How the invented servers describe their tools: what clients list, and what the catalogue pins."""

import json
import re

from gatewayops.demo.company import Server, Tool

_PLACE = re.compile(r"<[a-z_]+>")
_READS = (
    "get",
    "list",
    "read",
    "search",
    "query",
    "describe",
    "explain",
    "fetch",
    "find",
    "complexity",
    "call",
)


def definition(tool: Tool, *, about: str = "") -> dict[str, object]:
    """As `tools/list` has it; `about` instead of the tool's own description."""
    arguments: dict[str, object] = json.loads(_PLACE.sub("1", tool.asks))
    return {
        "name": tool.name,
        "description": about or tool.about,
        "inputSchema": {
            "type": "object",
            "properties": {
                name: {"type": "integer" if isinstance(value, int) else "string"}
                for name, value in arguments.items()
            },
            "required": list(arguments)[:1],
        },
        "annotations": {"readOnlyHint": tool.name.startswith(_READS)},
    }


def listing(server: Server) -> str:
    """The server's answer to `tools/list`."""
    return json.dumps({"tools": [definition(tool) for tool in server.tools]}, separators=(",", ":"))
