"""The gateway serves while control and store are away, after a restart too; what it recorded is not lost."""

import signal
import subprocess
import sys

import httpx
import pytest

from gatewayops.testing.installation import run_cli
from gatewayops.testing.mirror_server import MirrorServer
from gatewayops.testing.peer_process import free_port

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Roles:
    """The three roles of one data directory, each started by hand, with nobody to start it again."""

    def __init__(self, folder):
        self.data = folder / "data"
        self._log = (folder / "log").open("ab")
        self._ports = {role: free_port() for role in ("gateway", "control", "store")}
        self._running = {}
        self.url = f"http://127.0.0.1:{self._ports['gateway']}"
        self.key = "none-yet"

    def start(self, *roles):
        """Those of them that do not run."""
        for role in [role for role in roles if role not in self._running]:
            port = str(self._ports[role])
            command = ["env", f"GATEWAYOPS_CONTROL__PORT={self._ports['control']}", sys.executable]
            options = ["-m", "gatewayops", role, "--data", str(self.data), "--port", port]
            if role == "control":
                options += ["--store-address", f"127.0.0.1:{self._ports['store']}"]
            self._running[role] = subprocess.Popen(
                [*command, *options], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
            )

    def end(self, *roles, number=signal.SIGKILL):
        for role in roles:
            process = self._running.pop(role)
            process.send_signal(number)
            process.wait(30)

    def pause(self, *roles):
        for role in roles:
            self._running[role].send_signal(signal.SIGSTOP)

    def go_on(self, *roles):
        for role in roles:
            self._running[role].send_signal(signal.SIGCONT)

    def close(self):
        self.go_on(*self._running)
        self.end(*self._running)
        self._log.close()

    def ask(self, verb, path, **request):
        """The answer's status; 0 when nobody listens."""
        headers = {"Authorization": f"Bearer {self.key}"} | request.pop("headers", {})
        try:
            return httpx.request(verb, self.url + path, headers=headers, timeout=15, **request).status_code
        except httpx.TransportError:
            return 0

    def is_ready(self):
        return self.ask("GET", "/v1/ready") == 200

    def call_all_ways(self, trace):
        """REST, MCP as JSON, MCP as a stream; three spans of one trace."""
        named = {"X-Trace-ID": trace}
        rest = {"tool": "echo", "arguments": {"n": 1}}
        assert self.ask("POST", "/v1/mcp/mirror/tools/call", json=rest, headers=named) == 200
        for tool in ("echo", "stream"):
            params = {"name": tool, "arguments": {"n": 1}, "_meta": MODERN}
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            headers = {"MCP-Protocol-Version": "2026-07-28", "Accept": "application/json, text/event-stream"}
            assert self.ask("POST", "/v1/mcp/mirror", json=message, headers=headers | named) == 200

    def spans(self, trace):
        answer = httpx.get(
            f"{self.url}/v1/traces/{trace}/spans", headers={"Authorization": f"Bearer {self.key}"}
        )
        return [span["id"] for span in answer.json()["spans"]] if answer.status_code == 200 else []


@pytest.fixture(scope="module")
def started(tmp_path_factory, eventually):
    """All three at work once, a server that echoes, a key."""
    running = Roles(tmp_path_factory.mktemp("roles"))
    with MirrorServer().running() as mirror:
        try:
            running.start("store", "control", "gateway")
            eventually(running.is_ready)
            data = ["--data", str(running.data)]
            assert run_cli("server", "add", "mirror", "--url", mirror.url, *data).returncode == 0
            running.key = made_key(running, "mine")
            yield running
        finally:
            running.close()


@pytest.fixture
def roles(started, eventually):
    """All three at work, whatever the test before did to them."""
    started.start("store", "control", "gateway")
    eventually(started.is_ready)
    eventually(lambda: started.ask("GET", "/v1/traces") == 200)
    eventually(lambda: started.ask("POST", "/v1/mcp/mirror/tools/list", json={}) == 200)
    return started


def made_key(roles, name):
    done = run_cli("key", "create", name, "--data", str(roles.data), "--json")
    assert done.returncode == 0
    return done.stdout.partition('"secret": "')[2].partition('"')[0]


def test_calls_go_on_while_control_and_store_hang(roles, eventually):
    roles.pause("control", "store")

    roles.call_all_ways("while-they-hang")

    roles.go_on("control", "store")
    eventually(lambda: len(roles.spans("while-they-hang")) == 3)


def test_calls_wait_in_the_spool_while_only_the_store_is_gone(roles, eventually):
    roles.end("store")
    roles.call_all_ways("without-a-store")
    assert roles.ask("GET", "/v1/traces") == 503
    assert roles.ask("GET", "/v1/openapi.json") == 200

    roles.start("store")
    eventually(lambda: len(roles.spans("without-a-store")) == 3)


def test_calls_go_on_while_control_and_store_are_gone_and_appear_when_they_return(roles, eventually):
    roles.end("control", "store")

    roles.call_all_ways("while-they-are-gone")
    for path in ("/v1/traces", "/v1/costs/summary", "/v1/auth/keys", "/v1/servers", "/v1/openapi.json", "/"):
        assert roles.ask("GET", path) == 503
    assert roles.is_ready()

    roles.start("store", "control")
    eventually(lambda: len(roles.spans("while-they-are-gone")) == 3)
    assert len(set(roles.spans("while-they-are-gone"))) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_gateway_that_starts_alone_serves_from_its_snapshot(roles, eventually, number):
    before, after = f"before-{number.name}", f"after-{number.name}"
    roles.end("control", "store")
    roles.call_all_ways(before)
    roles.end("gateway", number=number)

    roles.start("gateway")
    eventually(roles.is_ready)
    roles.call_all_ways(after)
    assert (
        roles.ask("POST", "/v1/mcp/mirror/tools/list", json={}, headers={"Authorization": "Bearer x"}) == 401
    )

    roles.start("store", "control")
    for trace in (before, after):
        eventually(lambda: len(roles.spans(trace)) == 3)  # noqa: B023 - asked at once


def test_a_key_revoked_while_the_gateway_is_down_is_denied_from_its_start(roles, eventually):
    bearer = {"Authorization": f"Bearer {made_key(roles, 'short-lived')}"}
    assert roles.ask("POST", "/v1/mcp/mirror/tools/list", json={}, headers=bearer) == 200
    roles.end("gateway")
    assert run_cli("key", "revoke", "short-lived", "--data", str(roles.data)).returncode == 0

    roles.start("gateway")
    eventually(roles.is_ready)

    def is_denied():
        return roles.ask("POST", "/v1/mcp/mirror/tools/list", json={}, headers=bearer) == 401

    eventually(is_denied, within_s=5)


def test_a_gateway_without_rules_is_not_ready_and_says_so(tmp_path, eventually):
    roles = Roles(tmp_path)
    try:
        roles.start("gateway")
        eventually(lambda: roles.ask("GET", "/v1/health") == 200)

        assert roles.ask("GET", "/v1/ready") == 503
        assert roles.ask("POST", "/v1/mcp/mirror/tools/list", json={}) == 503
    finally:
        roles.close()
