"""The path of a call alone: `python -m bench.path` prints its µs without sockets and other processes.

Clients and server are transports that swallow what is written, so the figure is steady to about 1%
where `make bench` moves with the machine: for comparing two states of the code, not for the goals.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import bcrypt
import uvloop
from uvicorn.server import ServerState

from bench.targets import BODY, HEADERS
from gatewayops.gateway import role
from gatewayops.gateway.answer_batch import AnswerBatch
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.policy.rules.key_scope import key_scope
from gatewayops.record.settings import RecordSettings
from gatewayops.store import snapshot
from gatewayops.upstream.connection import Connection
from gatewayops.upstream.settings import UpstreamSettings

_SECRET = "gwo_bench_" + "a1b2c3d4" * 4
_CONNECTIONS = 16
_TURNS = 10
_ROUNDS = 200
_ANSWER = (
    b'{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[{"type":"text","text":"'
    + b"sunny, light wind from the west, 21 degrees at noon. " * 3
    + b'"}],"isError":false}}'
)


class Swallow:
    """A transport that counts what is written to it."""

    written = 0

    def write(self, data: bytes) -> None:
        """Counts."""
        self.written += len(data)

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_extra_info(self, _name: str) -> None:
        """Nothing is known of the other side."""

    def pause_reading(self) -> None:
        """Nothing to pause."""

    def resume_reading(self) -> None:
        """Nothing to resume."""


def _gateway(data: Path) -> Any:  # noqa: ANN401 - its inside is what this looks at
    rules = snapshot.Snapshot(
        1,
        time.time(),
        orgs=(snapshot.OrgRow("org_default"),),
        keys=(snapshot.KeyRow("key_1", "org_default", "bench", "bench", ("*",), ("mcp.*",)),),
        secrets=(
            snapshot.SecretRow(
                _SECRET[:14], bcrypt.hashpw(_SECRET.encode(), bcrypt.gensalt(4)).decode(), "key_1"
            ),
        ),
        servers=(
            snapshot.ServerRow(
                "srv_1", "org_default", "bench", "http://127.0.0.1:9/mcp", 30, 5, 2, 1000, True
            ),
        ),
        prices=(snapshot.PriceRow("org_default", "", "", 1000, 10_000_000, 30_000_000),),
    )
    snapshot.write_file(data / "snapshot.msgpack", snapshot.encode(rules))
    parts = role.GatewayParts(
        GatewaySettings(),
        UpstreamSettings(),
        RecordSettings(),
        (key_scope(),),
        data,
        "http://127.0.0.1:9",
        "token",
    )
    return role.Gateway(parts)


def _request() -> bytes:
    body = BODY.replace("ID", "7").encode()
    lines = {"Host": "127.0.0.1:8080", "Authorization": f"Bearer {_SECRET}", **HEADERS}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /v1/mcp/bench HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def measure(data: Path) -> list[float]:
    """µs a call, a figure a round, smallest first."""
    loop = asyncio.get_running_loop()
    gateway = _gateway(data)
    gateway._feed.start_from_copy()
    gateway._answers = AnswerBatch(loop, gateway._calls)
    await gateway._feed._live.authenticator.verify(_SECRET.encode())
    config = gateway._server.config
    config.load()
    pool = gateway._servers.all()[0].pool
    servers = [Connection(max_answer_bytes=1 << 20, on_change=pool._take_back) for _ in range(_CONNECTIONS)]
    state = ServerState()
    clients = [
        gateway._new_connection(config=config, server_state=state, app_state={}, _loop=loop) for _ in servers
    ]
    for line in (*servers, *clients):
        line.connection_made(Swallow())
    pool._idle[:] = servers
    request = _request()
    answer = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_ANSWER)
        + _ANSWER
    )
    rounds: list[float] = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        for _ in range(_TURNS):
            for client in clients:
                client.data_received(request)
            await asyncio.sleep(0)
            for server in servers:
                server.data_received(answer)
            await asyncio.sleep(0)
        rounds.append((time.perf_counter() - begun) / (_TURNS * _CONNECTIONS) * 1e6)
    answered = state.total_requests
    assert answered == _ROUNDS * _TURNS * _CONNECTIONS, f"only {answered} calls were answered"
    return sorted(rounds)


def main() -> None:
    """Prints the smallest round and the median."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = uvloop.run(measure(Path(folder)))
    print(f"the path of a call: {rounds[0]:.1f} µs at best, {rounds[len(rounds) // 2]:.1f} µs in the median")


if __name__ == "__main__":
    main()
