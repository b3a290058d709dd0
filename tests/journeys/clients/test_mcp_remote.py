"""mcp-remote from npm, which desktop clients start, signs a person in and lists the tools of a server."""

import asyncio
import re

import httpx
import pytest

from gatewayops.testing.peer_process import free_port
from gatewayops.testing.scripted_person import ScriptedPerson

PATIENCE_S = 60


@pytest.fixture
def guarded(installation, command):
    """The demo server, for people who sign in."""
    url = command("server", "show", "demo")["url"]
    words = ("--url", url, "--auth", "platform_oauth", "--scope", "tools", "--sign-up")
    return command("server", "add", "guarded", *words)["address"]


async def lines_of(stream):
    while line := (await stream.readline()).decode():
        yield line.strip()


async def test_mcp_remote_signs_in_and_lists_tools(node_peers, guarded, tmp_path):
    entry = node_peers.modules / "mcp-remote/dist/client.js"
    environment = {"MCP_REMOTE_CONFIG_DIR": str(tmp_path), "HOME": str(tmp_path), "PATH": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        node_peers.node, str(entry), guarded, str(free_port()), env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )  # fmt: skip
    said = []
    try:
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(timeout=30) as http:
            async for line in lines_of(process.stdout):
                said.append(line)
                if re.match(r"https?://\S+/authorize\?", line):
                    landed = await ScriptedPerson("mia@example.com").allow(line)
                    assert (await http.get(landed)).status_code == 200
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    told = "\n".join(said)

    assert '"name": "echo"' in told
    assert "Error requesting tools list" not in told
    assert process.returncode == 0
