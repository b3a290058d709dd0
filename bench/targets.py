"""What is measured: the bare upstream, nginx in front of it, the gateway in front of it, each on loopback."""

import contextlib
import http.client
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import process_cost
from bench.load import Plan
from gatewayops.testing.installation import Installation
from gatewayops.testing.peer_process import PeerFailed, free_port, running

_READY_S = 10.0
_VERSION = "2026-07-28"
BODY = (
    '{"jsonrpc":"2.0","id":ID,"method":"tools/call","params":{"name":"forecast","arguments":{"city":"Lisbon",'
    '"country":"PT","days":3,"units":"metric","note":"for the trip in spring, please mind the wind",'
    '"fields":["temperature","wind"]},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    '"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench",'
    '"version":"1"}}}}'
)
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": _VERSION,
    "Mcp-Method": "tools/call",
    "Mcp-Name": "forecast",
}
_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; tcp_nodelay on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream mcp {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@dataclass(frozen=True)
class Target:
    """Where to send calls; `pid` of the process that is charged for them, 0 for the bare upstream."""

    name: str
    plan: Plan
    pid: int = 0
    behind: tuple[int, ...] = ()  # processes that still work on what it did when the load is over


@contextlib.contextmanager
def all_targets(folder: Path) -> Iterator[list[Target]]:
    """Direct, nginx where it is installed, the gateway; all over the same upstream, stopped at the end."""
    with contextlib.ExitStack() as stack:
        upstream = free_port()
        command = [sys.executable, "-m", "bench.upstream", str(upstream)]
        stack.enter_context(running(command, port=upstream, log=folder / "upstream.log"))
        targets = [Target("direct", _plan(upstream, "/mcp"))]
        nginx = shutil.which("nginx", path=os.defpath + ":/usr/sbin:/usr/local/sbin")
        if nginx is not None:
            targets.append(stack.enter_context(_nginx(nginx, folder, upstream)))
        targets.append(stack.enter_context(_gateway(folder, upstream)))
        for target in targets:
            _await_answer(target.plan)
        yield targets


def _plan(port: int, path: str, **headers: str) -> Plan:
    return Plan(port=port, path=path, headers=HEADERS | headers, body=BODY, connections=1, seconds=1)


@contextlib.contextmanager
def _nginx(program: str, folder: Path, upstream: int) -> Iterator[Target]:
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port, user=user))
    with running([program, "-c", str(config), "-p", str(folder)], port=port, log=folder / "nginx.log") as pid:
        plan = _plan(port, "/mcp")
        _await_answer(plan)  # an answer says that the worker is there
        yield Target("nginx", plan, pid=process_cost.children(pid)[0])


@contextlib.contextmanager
def _gateway(folder: Path, upstream: int) -> Iterator[Target]:
    installation = Installation(folder / "gatewayops")
    address = f"http://127.0.0.1:{upstream}/mcp"
    installation.json("server", "add", "bench", "--url", address)
    key = installation.json("key", "create", "bench", "--role", "developer")
    installation.json("limit", "set", "key", key["id"], "1000000/s")
    installation.json("limit", "set", "global", "1000000/s")
    installation.json(
        *("budget", "create", "key", key["id"], "--amount", "1000000", "--period", "day", "--hard")
    )
    secret = key["secret"]
    try:
        installation.start()
        installation.json("server", "test", "bench")  # its tool is known from here on
        plan = _plan(installation.port, "/v1/mcp/bench", Authorization=f"Bearer {secret}")
        pids = installation.pids
        yield Target("gateway", plan, pid=pids["gateway"], behind=(pids["control"], pids["store"]))
    finally:
        installation.close()


def _await_answer(plan: Plan) -> None:
    """Until a call is answered with 200."""
    give_up_at = time.monotonic() + _READY_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", plan.port, timeout=5)
        try:
            connection.request("POST", plan.path, plan.body.replace("ID", "1"), plan.headers)
            answer = connection.getresponse()
            told = answer.read()[:500]
            if answer.status == 200:
                return
        finally:
            connection.close()
        if time.monotonic() > give_up_at:
            msg = f"port {plan.port} answers {answer.status}: {told!r}"
            raise PeerFailed(msg)
        time.sleep(0.1)


def with_load(target: Target, *, connections: int, seconds: float, calls_per_s: float = 0.0) -> Plan:
    """The target's plan under this load."""
    plan = target.plan
    return Plan(
        port=plan.port, path=plan.path, headers=plan.headers, body=plan.body,
        connections=connections, seconds=seconds, calls_per_s=calls_per_s,
    )  # fmt: skip
