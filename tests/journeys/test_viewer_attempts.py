"""A viewer who tries everything: nothing reaches the tool, and the audit log tells of each attempt."""

import json

import httpx
import pytest

from gatewayops.testing.installation import run_cli

MCP = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}


def message(name, **more):
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": {}},
    } | more


def by_mcp(body, **headers):
    raw = body if isinstance(body, str) else json.dumps(body)
    return "/v1/mcp/demo", raw, MCP | {name.replace("_", "-"): value for name, value in headers.items()}


def by_rest(tool, server="demo"):
    return f"/v1/mcp/{server}/tools/call", json.dumps({"tool": tool, "arguments": {}}), {}


SERVER = "demo"
TWICE = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"fail"}}'
CASED = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"fail"}}'
MODERN = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "tools/call"}
ATTEMPTS = {
    "by MCP": (by_mcp(message("add")), "demo/add"),
    "by REST": (by_rest("slow"), "demo/slow"),
    "in other case": (by_rest("Echo"), "demo/Echo"),
    "with a space": (by_mcp(message("echo ")), "demo/echo "),
    "a server in other case": (by_rest("echo", server="Demo"), "Demo"),
    "in a batch": (by_mcp([message("echo"), message("fail")]), SERVER),
    "named twice": (by_mcp(TWICE), "demo/fail"),
    "named twice in two cases": (by_mcp(CASED), SERVER),
    "other in the head": (by_mcp(message("list_files"), **MODERN, Mcp_Name="echo"), "demo/list_files"),
}


def reason_of(answer):
    told = answer.json()
    return told["reason"] if "reason" in told else told["error"]["data"]["reason"]


@pytest.fixture
def viewer(installation):
    """May call echo, and nothing else."""
    key = installation.json("key", "create", "curious", "--role", "viewer")
    installation.json("policy", "allow", "key", key["id"], "--server", "demo", "--tool", "echo")
    return key


def test_each_attempt_is_refused_and_in_the_audit_log(installation, viewer, eventually, tmp_path):
    headers = {"Authorization": f"Bearer {viewer['secret']}", "Content-Type": "application/json"}
    refused = {}
    with httpx.Client(base_url=installation.url, headers=headers, timeout=30) as client:
        listed = client.post("/v1/mcp/demo/tools/list", json={}).json()["result"]["tools"]
        for way, ((path, body, more), _) in ATTEMPTS.items():
            refused[way] = client.post(path, content=body, headers=more)

    assert [tool["name"] for tool in listed] == ["echo"]
    assert {answer.status_code for answer in refused.values()} <= {400, 403, 404}

    expected = {(reason_of(refused[way]), target) for way, (_, target) in ATTEMPTS.items()}

    def told():  # the same twice within a minute is told once, and counted
        shown = installation.json("audit", "list", "--actor", viewer["id"], "--action", "call.denied")
        return {(entry["reason"], entry["target"]["id"]) for entry in shown["entries"]} >= expected

    eventually(told)

    export = tmp_path / "export"
    assert installation.cli("audit", "export", str(export)).returncode == 0
    assert run_cli("audit", "verify", str(export)).returncode == 0
