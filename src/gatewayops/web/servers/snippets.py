"""What people paste into their MCP clients, in the form that each client reads."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from gatewayops.web.rest import Json

KEY = "GATEWAYOPS_KEY"
_EXAMPLES = {"string": "hello", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text to copy; `note` says where it goes."""

    client: str
    note: str
    text: str


def snippets(server: Json, call: Json | None, *, secret: str = "") -> list[Snippet]:
    """For each client; without a secret the key is named as a variable. `call` is what curl sends."""
    if server["auth"] == "api_key":
        return _with_key(server, call, secret)
    return _without_key(server, call)


def example_call(tool: Json) -> Json:
    """A call with what the tool requires, made up from its schema."""
    schema = tool["definition"].get("inputSchema")
    schema = schema if isinstance(schema, dict) else {}
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    return {"tool": tool["name"], "arguments": {name: _value(properties.get(name)) for name in names}}


def _value(schema: Any) -> Any:  # noqa: ANN401 - JSON of a stranger
    if not isinstance(schema, dict):
        return "hello"
    for known in ("default", "const"):
        if known in schema:
            return schema[known]
    for several in ("examples", "enum"):
        if isinstance(schema.get(several), list) and schema[several]:
            return schema[several][0]
    kind = schema.get("type")
    return _EXAMPLES.get(kind, "hello") if isinstance(kind, str) else "hello"


def _with_key(server: Json, call: Json | None, secret: str) -> list[Snippet]:
    name, address = server["name"], server["address"]
    bearer = f"Bearer {secret or f'${KEY}'}"
    remote = {"command": "npx", "args": ["-y", "mcp-remote", address, "--header", "Authorization:${AUTH}"]}
    cursor = {"url": address, "headers": {"Authorization": f"Bearer {secret or f'${{env:{KEY}}}'}"}}
    code = {"type": "http", "url": address, "headers": {"Authorization": "Bearer ${input:gatewayops-key}"}}
    asked = {
        "type": "promptString",
        "id": "gatewayops-key",
        "description": "GatewayOps key",
        "password": True,
    }
    return [
        Snippet(
            "curl",
            "In a terminal",
            _curl(address, call, f'-H "Authorization: {bearer}" '),
        ),
        Snippet(
            "Claude Code",
            "In a terminal",
            f'{_claude(name, address)} --header "Authorization: {bearer}"',
        ),
        Snippet(
            "Claude Desktop",
            "claude_desktop_config.json",
            _json({"mcpServers": {name: remote | {"env": {"AUTH": f"Bearer {secret or 'your key'}"}}}}),
        ),
        Snippet("Cursor", ".cursor/mcp.json", _json({"mcpServers": {name: cursor}})),
        Snippet("VS Code", ".vscode/mcp.json", _json({"inputs": [asked], "servers": {name: code}})),
    ]


def _without_key(server: Json, call: Json | None) -> list[Snippet]:
    """The clients sign their people in by themselves, or nobody has to."""
    name, address = server["name"], server["address"]
    header = '-H "Authorization: Bearer $ACCESS_TOKEN" ' if server["auth"] == "platform_oauth" else ""
    remote = {"command": "npx", "args": ["-y", "mcp-remote", address]}
    return [
        Snippet("Claude Code", "In a terminal", _claude(name, address)),
        Snippet("Claude Desktop", "claude_desktop_config.json", _json({"mcpServers": {name: remote}})),
        Snippet("Cursor", ".cursor/mcp.json", _json({"mcpServers": {name: {"url": address}}})),
        Snippet("VS Code", ".vscode/mcp.json", _json({"servers": {name: {"type": "http", "url": address}}})),
        Snippet("curl", "In a terminal", _curl(address, call, header)),
    ]


def _claude(name: str, address: str) -> str:
    return f"claude mcp add --transport http {name} {shlex.quote(address)}"


def _curl(address: str, call: Json | None, headers: str) -> str:
    """One line that calls a tool, or lists them where none is known."""
    what, body = ("call", call) if call else ("list", {})
    data = shlex.quote(json.dumps(body, ensure_ascii=False))
    where = shlex.quote(f"{address}/tools/{what}")
    return f"curl -s {where} {headers}-H 'Content-Type: application/json' -d {data}"


def _json(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
