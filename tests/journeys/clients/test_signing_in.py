"""Programs of others sign a person in at a protected server: mcp-remote from npm, the conformance suite."""

import json

import httpx
import pytest

from gatewayops.testing.peer_process import free_port
from gatewayops.testing.scripted_person import ScriptedPerson


@pytest.fixture(scope="module")
def guarded(installation, command):
    """The address of the demo server, for people who sign in."""
    url = command("server", "show", "demo")["url"]
    words = ("--url", url, "--auth", "platform_oauth", "--scope", "tools", "--sign-up", "--unverified-email")
    return command("server", "add", "guarded", *words)["address"]


async def test_mcp_remote_signs_in_and_lists_the_tools(node_peers, guarded, tmp_path):
    entry = str(node_peers.modules / "mcp-remote/dist/client.js")
    folder = str(tmp_path)
    environment = {"MCP_REMOTE_CONFIG_DIR": folder, "HOME": folder, "PATH": folder}
    command = [node_peers.node, entry, guarded, str(free_port())]

    code, said = await ScriptedPerson("mia@example.com").attend(command, env=environment)
    again, said_again = await ScriptedPerson("nobody@example.com").attend(command, env=environment)

    assert (code, again) == (0, 0), said + said_again
    for text in (said, said_again):
        assert '"name": "echo"' in text
        assert "Error requesting tools list" not in text
    assert "/authorize?" in said
    assert "/authorize?" not in said_again


async def test_the_conformance_suite_finds_no_fault_in_the_authorization_server(
    node_peers, guarded, tmp_path
):
    issuer, port = guarded.replace("/v1/mcp/", "/oauth/"), free_port()
    about = {
        "client_name": "suite",
        "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
        "token_endpoint_auth_method": "none",
    }
    async with httpx.AsyncClient(timeout=30) as http:
        client_id = (await http.post(f"{issuer}/register", json=about)).json()["client_id"]
    entry = str(node_peers.modules / "@modelcontextprotocol/conformance/dist/index.js")
    command = [node_peers.node, entry, "authorization", "--url", issuer, "--client-id", client_id]
    command += ["--resource", guarded, "--port", str(port), "--output-dir", str(tmp_path / "out")]

    code, said = await ScriptedPerson("sue@example.com").attend(command, env={"HOME": str(tmp_path)})

    assert code == 0, said
    checks = [one for path in tmp_path.glob("out/*/checks.json") for one in json.loads(path.read_text())]
    assert {(check["id"], check["status"]) for check in checks} == {
        ("authorization-server-metadata", "SUCCESS"),
        ("authorization-server-metadata-cimd", "SUCCESS"),
        ("authorization-code-grant", "SUCCESS"),
    }
