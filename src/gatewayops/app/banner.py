"""What `up` prints once calls are served: lines that work when pasted."""

import json
import shlex

from gatewayops.app.address import address_of
from gatewayops.app.demo_key import SERVER_NAME, DemoKey
from gatewayops.app.supervisor import Supervisor


def ready_text(supervisor: Supervisor, key: DemoKey | None, *, program: str, first_link: str) -> str:
    """The address, what to try, where traces are, and how to stop.

    `key` is the demo's, if there is one; `program` is how the shell at hand finds `gatewayops`. `first_link`
    is the token that makes the first administrator, while there is none.
    """
    address = address_of(supervisor.settings)
    data = shlex.quote(str(supervisor.data.root))
    first = [
        "GatewayOps is ready.",
        "",
        f"  address     {address}",
        f"  dashboard   {address}/",
        f"  API docs    {address}/docs",
        f"  data        {supervisor.data.root}",
    ]
    if key is not None:
        first.append(f"  API key     {key.secret}")
    if first_link:
        setup = f"{address}/setup?token={first_link}"
        first += ["", "Make the first administrator; the link works once, within 24 hours:", "", f"  {setup}"]
    middle = _demo_lines(address, key) if key is not None else _plain_lines(program, data)
    last = [
        "See what was called:",
        "",
        f"  {program} trace list --data {data}",
        f"  {program} cost summary --data {data}",
        "",
        "Ctrl-C drains and stops all.",
    ]
    return "\n".join([*first, "", *middle, "", *last])


def _demo_lines(address: str, key: DemoKey) -> list[str]:
    call = json.dumps({"tool": "echo", "arguments": {"text": "hello"}})
    server = {
        "type": "http",
        "url": f"{address}/v1/mcp/{SERVER_NAME}",
        "headers": {"Authorization": f"Bearer {key.secret}"},
    }
    config = json.dumps({"mcpServers": {SERVER_NAME: server}}, indent=2)
    return [
        "Call a tool of the demo server:",
        "",
        f"  curl -s {address}/v1/mcp/{SERVER_NAME}/tools/call \\",
        f"    -H 'Authorization: Bearer {key.secret}' \\",
        f"    -H 'Content-Type: application/json' -d '{call}'",
        "",
        "Connect an MCP client:",
        "",
        *(f"  {line}" for line in config.splitlines()),
    ]


def _plain_lines(program: str, data: str) -> list[str]:
    return [
        "Put a server behind it, and make a key:",
        "",
        f"  {program} server add NAME --url URL --data {data}",
        f"  {program} key create NAME --data {data}",
    ]
