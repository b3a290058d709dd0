"""The first minutes of a user: what `up --demo` prints works when pasted."""

import json
import re
import shlex
import subprocess

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


def pasted_curl(banner):
    found = re.search(r"  curl .*?hello.*?$", banner, re.DOTALL | re.MULTILINE)
    return found.group()


def client_config(banner):
    found = re.search(r"^  \{.*?^  \}$", banner, re.DOTALL | re.MULTILINE)
    return json.loads(found.group())["mcpServers"]


def test_the_pasted_curl_line_calls_the_demo_tool(installation):
    done = subprocess.run(
        ["/bin/sh", "-c", pasted_curl(installation.banner)], capture_output=True, timeout=30
    )

    assert json.loads(done.stdout)["result"]["content"] == "hello"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_pasted_client_config_connects_a_client_of_either_era(installation, mode):
    server = client_config(installation.banner)["demo"]

    async with (
        httpx.AsyncClient(headers=server["headers"], timeout=30) as http,
        Client(streamable_http_client(server["url"], http_client=http), mode=mode) as client,
    ):
        answer = await client.call_tool("add", {"a": 40, "b": 2})

    assert answer.structured_content == {"result": 42.0}


def test_the_call_appears_as_a_trace_with_its_cost(installation, eventually):
    called = httpx.post(
        f"{installation.url}/v1/mcp/demo/tools/call",
        json={"tool": "fail", "arguments": {"message": "seen in the trace"}},
        headers={"Authorization": f"Bearer {installation.secret}"},
    )
    trace_id = called.json()["metadata"]["trace_id"]

    eventually(lambda: installation.cli("trace", "show", trace_id).returncode == 0)
    shown = installation.cli("trace", "show", trace_id).stdout

    assert "demo/fail" in shown
    assert "seen in the trace" in shown
    assert "tool_error" in shown
    assert f"${called.json()['metadata']['cost']:.6f}" in shown


def test_the_printed_commands_work_when_pasted(installation):
    lines = [
        line for line in installation.banner.splitlines() if "trace list" in line or "cost summary" in line
    ]

    for line in lines:
        done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    assert len(lines) == 2


def test_the_dashboard_and_the_docs_are_at_the_same_address(installation):
    for path in ("/", "/docs", "/v1/openapi.json", "/v1/health", "/v1/ready"):
        answer = httpx.get(installation.url + path, follow_redirects=True, timeout=60)
        assert answer.status_code == 200, path
