"""Governance as somebody lives it who has a terminal: who may call what, what changed, what is kept."""

import json
import re

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from gatewayops.testing.peer_process import free_port
from gatewayops.testing.turncoat_server import HARMLESS, TURNED, TurncoatServer


class Caller:
    """Somebody with a key, at both doors."""

    def __init__(self, installation, key):
        self.url = installation.url
        self.headers = {"Authorization": f"Bearer {key['secret']}"}

    def call(self, server, tool, arguments, **headers):
        body = {"tool": tool, "arguments": arguments}
        where = f"{self.url}/v1/mcp/{server}/tools/call"
        return httpx.post(where, json=body, headers=self.headers | headers, timeout=30)

    def listed(self, server):
        where = f"{self.url}/v1/mcp/{server}/tools/list"
        told = httpx.post(where, json={}, headers=self.headers, timeout=30).json()
        return {tool["name"]: tool for tool in told["result"]["tools"]}

    async def as_client(self, server, ask):
        """What `ask` makes of the official SDK's client of that server."""
        async with (
            httpx.AsyncClient(headers=self.headers, timeout=30) as http,
            Client(streamable_http_client(f"{self.url}/v1/mcp/{server}", http_client=http)) as client,
        ):
            return await ask(client)


@pytest.fixture
def caller(installation, request):
    """Makes a key of that name, which counts already; options are those of `key create`."""

    def make(name, *options):
        key = installation.json("key", "create", name, *options)
        return key, Caller(installation, key)

    return make


@pytest.fixture
def turncoat(installation, eventually):
    """A server of somebody else, put behind the gateway with a secret for it; its tools are known."""
    with TurncoatServer().running() as server:
        words = ("--url", server.url, "--header", "X-Vault: s3cr3t-of-the-server")
        installation.json("server", "add", "turncoat", *words)
        eventually(lambda: installation.json("tool", "list", "turncoat")["tools"])
        yield server
        installation.cli("server", "remove", "turncoat")


async def names(client):
    return [tool.name for tool in (await client.list_tools()).tools]


async def test_a_viewer_sees_and_calls_nothing_until_a_policy_allows_it(installation, caller):
    key, viewer = caller("watcher", "--role", "viewer")
    assert key["id"].startswith("key_")
    assert await viewer.as_client("demo", names) == []
    assert viewer.listed("demo") == {}
    refused = viewer.call("demo", "echo", {"text": "may I?"})
    assert (refused.status_code, refused.json()["reason"]) == (403, "role_not_granted")

    installation.json("policy", "allow", "key", "watcher", "--server", "demo", "--tool", "echo")

    assert await viewer.as_client("demo", names) == ["echo"]
    assert list(viewer.listed("demo")) == ["echo"]
    assert viewer.call("demo", "echo", {"text": "may I?"}).json()["result"]["content"] == "may I?"
    answer = await viewer.as_client("demo", lambda client: client.call_tool("echo", {"text": "by MCP"}))
    assert answer.structured_content == {"result": "by MCP"}
    assert viewer.call("demo", "add", {"a": 1, "b": 2}).status_code == 403


def test_it_is_explained_why_something_is_allowed_or_was_denied(installation, caller, eventually):
    key, viewer = caller("asker", "--role", "viewer")
    ask = ("policy", "explain", "asker", "--server", "demo", "--tool", "echo")
    trace = {"X-Trace-ID": "denied-to-the-asker"}
    assert viewer.call("demo", "echo", {"text": "denied"}, **trace).status_code == 403

    before = installation.json(*ask)
    policy = installation.json("policy", "allow", key["id"], "--server", "demo", "--tool", "echo")
    after = installation.json(*ask)

    assert (before["allowed"], before["reason"]) == (False, "role_not_granted")
    assert (after["allowed"], after["rule"]["policy_id"]) == (True, policy["id"])
    assert after["rule"]["inherited_from"]["id"] == key["id"]
    assert policy["id"] in installation.cli(*ask).stdout
    recorded = ("policy", "explain", "--trace", trace["X-Trace-ID"])
    eventually(lambda: installation.cli(*recorded).returncode == 0)
    then = installation.json(*recorded)
    assert then["recorded"]["reason"] == "role_not_granted"
    assert then["question"] == {**after["question"], "principal": key["id"]}
    told = installation.cli(*recorded).stdout
    assert re.search(r"^verdict +allowed$", told, re.MULTILINE)
    assert f"recorded as {then['recorded']['status']} role_not_granted" in told


def test_a_tool_that_turned_is_held_until_somebody_approves_it(installation, turncoat, caller):
    _, agent = caller("agent-of-turncoat")
    assert agent.listed("turncoat")["read_note"]["description"] == HARMLESS
    assert agent.call("turncoat", "read_note", {"name": "a"}).status_code == 200

    turncoat.turn()
    assert agent.listed("turncoat") == {}  # held as it passes, before anybody asked the server
    installation.json("tool", "refresh", "turncoat")

    refused = agent.call("turncoat", "read_note", {"name": "a"})
    assert (refused.status_code, refused.json()["reason"]) == (403, "tool_held")
    [held] = installation.json("tool", "list", "turncoat", "--held")["tools"]
    assert (held["name"], held["state"]) == ("read_note", "held")
    shown = installation.cli("tool", "diff", "turncoat", "read_note").stdout
    assert HARMLESS in shown
    assert TURNED in shown

    assert installation.cli("tool", "approve", "turncoat", "read_note", "--yes").returncode == 0

    assert agent.listed("turncoat")["read_note"]["description"] == TURNED
    assert agent.call("turncoat", "read_note", {"name": "a"}).status_code == 200


def test_the_secret_of_a_server_goes_to_it_and_nowhere_else(installation, turncoat, caller):
    _, agent = caller("agent-with-secret")
    agent.call("turncoat", "read_note", {"name": "a"})
    assert turncoat.seen[-1]["x-vault"] == "s3cr3t-of-the-server"

    installation.json("secrets", "rotate", "--data-keys")
    installation.json("server", "set", "turncoat", "--header", "X-Vault: an0ther-s3cr3t")
    agent.call("turncoat", "read_note", {"name": "a"})

    assert turncoat.seen[-1]["x-vault"] == "an0ther-s3cr3t"
    assert installation.json("server", "show", "turncoat")["header_names"] == ["X-Vault"]
    assert installation.json("secrets", "status")["values"] >= 1
    for file in installation.data.glob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes(), file


def test_arguments_that_the_tool_does_not_take_are_refused_before_they_leave(installation, turncoat, caller):
    _, agent = caller("careless")
    calls = len(turncoat.seen)

    refused = agent.call("turncoat", "read_note", {"name": 5})

    assert refused.status_code == 400
    assert refused.json()["reason"] == "arguments_invalid"
    assert "arguments.name" in refused.json()["message"]
    assert len(turncoat.seen) == calls
    dry_run = ("validation", "check", "turncoat", "read_note", json.dumps({"name": 5}))
    assert installation.json(*dry_run)["message"] == refused.json()["message"]


def test_a_masking_rule_counts_for_the_next_calls_record(installation, caller, eventually):
    _, agent = caller("talkative")

    def recorded(trace_id):
        agent.call("demo", "echo", {"text": "of customer ACME-4711"}, **{"X-Trace-ID": trace_id})
        eventually(lambda: installation.cli("trace", "show", trace_id).returncode == 0)
        return installation.cli("trace", "show", trace_id, "--json").stdout

    assert "ACME-4711" in recorded("before-the-masking-rule")
    installation.json("masking", "add", "customer", "--regex", r"ACME-\d+")
    after = recorded("after-the-masking-rule")
    installation.cli("masking", "remove", "customer")

    assert "ACME-4711" not in after
    assert "[masked:customer]" in after


def test_a_breaker_that_opened_is_seen(installation, caller, eventually):
    url = f"http://127.0.0.1:{free_port()}/mcp"  # where nobody listens
    words = ("--url", url, "--retries", "0", "--breaker-failures", "3", "--breaker-open", "600")
    installation.json("server", "add", "gone", *words)
    _, agent = caller("patient")

    answers = [agent.call("gone", "anything", {}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [502] * 3 + [503] * 2
    assert answers[-1].json()["reason"] == "circuit_open"
    metrics = httpx.get(f"{installation.url}/metrics").text
    assert 'gatewayops_breaker_state{server="gone"} 2.0' in metrics
    assert re.search(r'gatewayops_breaker_refusals_total\{server="gone"\} 2.0', metrics)
    eventually(lambda: installation.json("server", "show", "gone")["health"]["state"] == "open")
    assert "breaker open since" in installation.cli("server", "show", "gone").stdout
    installation.cli("server", "remove", "gone")
