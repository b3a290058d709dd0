"""The path of a call alone: `python -m bench.path` prints its µs without sockets and other processes.

Clients and server are transports that swallow what is written, so the figure is steady to about 1%
where `make bench` moves with the machine: for comparing two states of the code, not for the goals.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bcrypt
import msgspec
import uvloop
from uvicorn.server import ServerState

from bench.targets import BODY, HEADERS
from gatewayops.gateway import role
from gatewayops.gateway.answer_batch import AnswerBatch
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.policy.governance import GovernanceSettings
from gatewayops.record.settings import RecordSettings
from gatewayops.store import snapshot
from gatewayops.store.predefined_roles import PREDEFINED
from gatewayops.upstream.settings import UpstreamSettings

_SECRET = "gwo_bench_" + "a1b2c3d4" * 4
_CONNECTIONS = 16
_TURNS = 10
_ROUNDS = 100
_REPEATS = 5
FEATURES = ("limits", "roles", "budget", "pins", "validation")
_DEFINITION = (
    b'{"name":"forecast","inputSchema":{"type":"object","required":["city"],"properties":{'
    b'"city":{"type":"string","maxLength":100},"country":{"type":"string","pattern":"^[A-Z]{2}$"},'
    b'"days":{"type":"integer","minimum":1,"maximum":14},"units":{"enum":["metric","imperial"]},'
    b'"note":{"type":"string"},"fields":{"type":"array","items":{"type":"string"}}}}}'
)
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


def rules(*features: str) -> snapshot.Snapshot:
    """A key, a server, a price; each feature adds its rule, none of which is met."""
    org = "org_default"
    secret_hash = bcrypt.hashpw(_SECRET.encode(), bcrypt.gensalt(4)).decode()
    more: dict[str, Any] = {
        "limits": [
            snapshot.LimitRow(org, "api_key", "key_1", 10**8 if "limits" in features else 0, 1),
            snapshot.LimitRow(org, "global", "", 10**9 if "limits" in features else 0, 1),
        ],
        "validation": [snapshot.ValidationRow(org, "", "", schema_mode="off")],
    }
    if "roles" in features:
        more["access"] = snapshot.AccessRows(
            roles=tuple(PREDEFINED),
            bindings=(snapshot.BindingRow("bind_1", org, "role_developer", "key", "key_1"),),
        )
    if "budget" in features:
        more["budgets"] = [snapshot.BudgetRow("bud_1", org, "bench", "key", "key_1", "month", 10**15)]
    if "pins" in features:
        more["catalogues"] = [snapshot.CatalogueRow(org, "bench", "block")]
    if "pins" in features or "validation" in features:
        more["tools"] = [snapshot.ToolRow(org, "bench", "forecast", _DEFINITION, "bench", "approved")]
    if "validation" in features:
        more["validation"] = []
    made = snapshot.Snapshot(
        1,
        time.time(),
        orgs=(snapshot.OrgRow(org),),
        keys=(snapshot.KeyRow("key_1", org, "bench", "bench", ("*",), ("mcp.*",)),),
        secrets=(snapshot.SecretRow(_SECRET[:14], secret_hash, "key_1"),),
        servers=(snapshot.ServerRow("srv_1", org, "bench", "http://127.0.0.1:9/mcp", 30, 5, 2, 1000, True),),
        prices=(snapshot.PriceRow(org, "", "", 1000, 10_000_000, 30_000_000),),
    )
    more = {part: tuple(rows) if isinstance(rows, list) else rows for part, rows in more.items()}
    return msgspec.structs.replace(made, **more)


def _gateway(data: Path, governed_by: snapshot.Snapshot) -> Any:  # noqa: ANN401 - its inside is what this looks at
    snapshot.write_file(data / "snapshot.msgpack", snapshot.encode(governed_by))
    parts = role.GatewayParts(
        GatewaySettings(),
        UpstreamSettings(),
        RecordSettings(),
        GovernanceSettings(),
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


async def measure(data: Path, governed_by: snapshot.Snapshot) -> list[float]:
    """µs a call, a figure a round, smallest first."""
    loop = asyncio.get_running_loop()
    gateway = _gateway(data, governed_by)
    gateway._feed.start_from_copy()
    for account in gateway._governing.governance.budgets.all:
        account.learn(0, time.time())
    gateway._answers = AnswerBatch(loop, gateway._calls)
    await gateway._feed._live.authenticator.verify(_SECRET.encode())
    config = gateway._server.config
    config.load()
    pool = gateway._servers.all()[0].pool
    servers = [pool._new_connection() for _ in range(_CONNECTIONS)]
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


def _measured(governed_by: snapshot.Snapshot) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        return uvloop.run(measure(Path(folder), governed_by))


def main() -> None:
    """Prints the smallest round and the median, all features on; `--features`: what each of them adds."""
    if sys.argv[1:] != ["--features"]:
        rounds = _measured(rules(*FEATURES))
        print(
            f"the path of a call: {rounds[0]:.1f} µs at best, {rounds[len(rounds) // 2]:.1f} µs in the median"
        )
        return
    states = [(), *((feature,) for feature in FEATURES), FEATURES]
    best = dict.fromkeys(states, float("inf"))
    for _ in range(_REPEATS):  # in turn, so that a machine that slows down slows all of them
        for state in states:
            best[state] = min(best[state], _measured(rules(*state))[0])
    print(f"{'with none of them':20} {best[()]:6.1f} µs")
    for state in states[1:-1]:
        print(f"{state[0]:20} {best[state] - best[()]:+6.1f} µs")
    print(f"{'with all of them':20} {best[FEATURES]:6.1f} µs")


if __name__ == "__main__":
    main()
