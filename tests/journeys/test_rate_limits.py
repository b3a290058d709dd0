"""A limit, as people set it and as callers meet it: on one worker."""

import time

import httpx
import pytest

TOOL = {"tool": "echo", "arguments": {"text": "how often?"}}
RPC = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {
        "name": "echo",
        "arguments": {"text": "how often?"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "journey", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}


@pytest.fixture
def limited(installation):
    """A new key with five calls a minute: its bearer header."""
    key = installation.json("key", "create", "limited")
    installation.json("limit", "set", "key", key["id"], "5/m")
    return {"Authorization": f"Bearer {key['secret']}"}


def test_the_sixth_call_of_a_minute_is_refused_and_told_when_to_come_back(installation, limited):
    with httpx.Client(base_url=installation.url, headers=limited) as client:
        answers = [client.post("/v1/mcp/demo/tools/call", json=TOOL) for _ in range(8)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    refused = answers[-1]
    assert (refused.headers["X-RateLimit-Limit"], refused.headers["X-RateLimit-Remaining"]) == ("5", "0")
    assert 0 <= int(refused.headers["X-RateLimit-Reset"]) - time.time() + 1 <= 62
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    body = refused.json()
    assert (body["error"], body["reason"]) == ("rate_limit_exceeded", "rate_exceeded")
    assert (body["limit"], body["window"], body["scope"]) == (5, "1m", "api_key")
    assert body["message"].startswith("Rate limit exceeded. Retry after ")
    assert body["reset_at"].endswith("Z")


def test_on_an_mcp_route_the_refusal_is_a_json_rpc_error(installation, limited):
    with httpx.Client(base_url=installation.url, headers=limited) as client:
        for _ in range(5):
            assert client.post("/v1/mcp/demo/tools/call", json=TOOL).status_code == 200
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "echo",
        }
        refused = client.post("/v1/mcp/demo", json=RPC, headers=headers)

    assert refused.status_code == 429
    assert refused.headers["Retry-After"]
    error = refused.json()["error"]
    assert (refused.json()["id"], error["code"]) == (7, -31429)
    assert (error["data"]["reason"], error["data"]["limit"]) == ("rate_exceeded", 5)


def test_a_limit_that_is_taken_away_no_longer_counts(installation, limited):
    with httpx.Client(base_url=installation.url, headers=limited) as client:
        assert [client.post("/v1/mcp/demo/tools/call", json=TOOL).status_code for _ in range(6)][-1] == 429
        row = installation.json("limit", "list")["limits"][0]
        installation.cli("limit", "remove", row["id"])
        assert client.post("/v1/mcp/demo/tools/call", json=TOOL).status_code == 200
