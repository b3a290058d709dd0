"""`Mcp-Param-*`: arguments that a tool's schema wants repeated as headers (`x-mcp-header`).

Source: MCP 2026-07-28, Streamable HTTP, custom headers.
"""

from collections.abc import Iterator
from typing import Any

_KEYWORD = "x-mcp-header"


def param_headers(schema: object, arguments: dict[str, Any]) -> dict[str, str]:
    """Header names and values for these arguments; what is absent or null gives none."""
    return {f"mcp-param-{token.lower()}": text for token, text in _annotated(schema, arguments)}


def _annotated(schema: object, value: object) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not isinstance(value, dict):
        return
    for name, inner in properties.items():
        argument = value.get(name)
        if not isinstance(inner, dict) or argument is None:
            continue
        token = inner.get(_KEYWORD)
        if isinstance(token, str) and isinstance(argument, str | int | float):
            yield token, str(argument).lower() if isinstance(argument, bool) else str(argument)
        yield from _annotated(inner, argument)
