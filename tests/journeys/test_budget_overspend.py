"""A hard budget over a real gateway: 200 callers at once, a crash, a restart; nothing is overspent."""

import asyncio
import os
import signal

import httpx
import pytest

CALLERS = 200


@pytest.fixture(scope="module")
def priced(installation):
    """The demo's echo costs a cent, whatever is said."""
    words = ("--server", "demo", "--tool", "echo", "--per-call", "0.01")
    yield installation.json("price", "set", *words)
    installation.cli("price", "remove", *words[:4])


def key_with_budget(installation, amount, *, name):
    """A key that may spend so much a month, known to the gateway."""
    key = installation.json("key", "create", name)
    words = ("--amount", amount, "--period", "month", "--hard", "--name", name)
    budget = installation.json("budget", "create", "key", key["id"], *words)
    return key, budget


def echo(client, secret):
    body = {"tool": "echo", "arguments": {"text": "a cent"}}
    headers = {"Authorization": f"Bearer {secret}"}
    return client.post("/v1/mcp/demo/tools/call", json=body, headers=headers)


def all_at_once(installation, secret):
    """Every caller calls once; their answers."""

    async def calling():
        limits = httpx.Limits(max_connections=CALLERS)
        async with httpx.AsyncClient(base_url=installation.url, limits=limits, timeout=60) as client:
            return await asyncio.gather(*(echo(client, secret) for _ in range(CALLERS)))

    return asyncio.run(calling())


def spent(installation, budget):
    return installation.json("budget", "show", budget["id"])["budget"]["spent"]


def test_200_callers_on_a_dollar_pass_exactly_100_times(installation, priced, eventually):
    key, budget = key_with_budget(installation, "1", name="dollar")

    answers = all_at_once(installation, key["secret"])

    assert sorted(answer.status_code for answer in answers) == [200] * 100 + [429] * 100
    refused = next(answer for answer in answers if answer.status_code == 429)
    told = refused.json()
    assert (told["error"], told["reason"]) == ("budget_exceeded", "budget_spent")
    assert told["budget"] == {"id": budget["id"], "name": "dollar", "scope": "key"}
    assert (told["limit"], told["period"]) == (1.0, "month")
    assert told["reset_at"] == budget["current_period"]["reset_at"]
    assert int(refused.headers["retry-after"]) > 0
    eventually(lambda: spent(installation, budget) == 1.0)
    thresholds = installation.json("budget", "events", budget["id"])["events"]
    assert sorted(event["threshold"] for event in thresholds) == [50, 80, 100]


def test_the_ledger_is_what_the_recorded_calls_say(installation, priced, eventually):
    key, budget = key_with_budget(installation, "0.05", name="five-cents")
    all_at_once(installation, key["secret"])
    eventually(lambda: spent(installation, budget) == 0.05)

    proof = installation.json("budget", "prove")

    assert proof["agrees"]
    assert proof["days"][-1]["ledger"] >= 0.05


def test_a_gateway_that_was_killed_knows_what_was_spent_and_reserves_nothing(
    installation, priced, eventually
):
    key, _ = key_with_budget(installation, "0.10", name="ten-cents")
    with httpx.Client(base_url=installation.url, timeout=30) as client:
        assert [echo(client, key["secret"]).status_code for _ in range(4)] == [200] * 4
    before = installation.pids["gateway"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: is_ready(installation) and installation.pids["gateway"] != before)

    statuses = [answer.status_code for answer in all_at_once(installation, key["secret"])]

    assert statuses.count(200) == 6
    assert statuses.count(429) == CALLERS - 6


def test_an_override_lets_more_pass_and_soft_budgets_all(installation, priced, eventually):
    key, budget = key_with_budget(installation, "0.01", name="one-cent")
    with httpx.Client(base_url=installation.url, timeout=30) as client:
        assert [echo(client, key["secret"]).status_code for _ in range(2)] == [200, 429]
        installation.json("budget", "override", budget["id"], "--extra", "0.01", "--reason", "one more")
        eventually(lambda: echo(client, key["secret"]).status_code == 200)
        assert echo(client, key["secret"]).status_code == 429
        installation.json("budget", "change", budget["id"], "--soft")
        eventually(lambda: echo(client, key["secret"]).status_code == 200)


def test_an_mcp_client_gets_a_json_rpc_error(installation, priced, eventually):
    key, budget = key_with_budget(installation, "0", name="nothing")
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "x"}, "_meta": META},
    }
    headers = {"Authorization": f"Bearer {key['secret']}", **MCP_HEADERS}
    answer = httpx.post(f"{installation.url}/v1/mcp/demo", json=message, headers=headers)

    error = answer.json()["error"]
    assert answer.status_code == 429
    assert error["data"]["reason"] == "budget_spent"
    assert error["data"]["budget"]["id"] == budget["id"]


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "journey", "version": "1"},
}
MCP_HEADERS = {
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "echo",
    "Accept": "application/json, text/event-stream",
}


def is_ready(installation):
    try:
        return httpx.get(f"{installation.url}/v1/ready").status_code == 200
    except httpx.TransportError:
        return False
