"""`python -m bench.canary --seconds 60`: what was acknowledged is found again, under load, kind by kind.

An installation is loaded with calls. Beside them a canary of each kind of telemetry writes (a call through
the gateway; an exported span, log record and metric point by OTLP), and asks for it until it shows.
Calls and spans are read over the API, log records and points in the store. Prints a table; exits 1 when
something that was acknowledged has not shown `PATIENCE_S` after the last write. A kind whose route is not
there is said to be so.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.kill9 import Load
from bench.ranks import nearest_rank
from gatewayops.app.layout import DataDirectory
from gatewayops.base.ids import random_text, trace_id_of
from gatewayops.testing.installation import Installation
from gatewayops.testing.mirror_server import MirrorServer

PATIENCE_S = 60.0
_PAUSE_S = 0.25  # of a canary between two writes
_LOOK_S = 0.2
_CALL_S = 30.0
_NOT_THERE = (404, 405)


@dataclass
class Seen:
    """What a canary saw. `visible_s`: from the acknowledgement to the answer that showed it, for each."""

    kind: str
    is_there: bool = True
    written: int = 0
    refused: int = 0
    visible_s: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def part_s(self, part: float) -> float:
        """A percentile, 0.0 to 1.0."""
        return nearest_rank(self.visible_s, part)


@dataclass(frozen=True)
class Doors:
    """Clients of the gateway (as an agent and as an exporter) and of the store."""

    agent: httpx.AsyncClient
    exporter: httpx.AsyncClient
    store: httpx.AsyncClient


class Calls:
    """A call of a tool, found by its trace."""

    name = "calls"

    async def write(self, doors: Doors, mark: str) -> httpx.Response:
        """One."""
        body = {"tool": "echo", "arguments": {"marker": mark}}
        return await doors.agent.post(
            "/v1/mcp/mirror/tools/call", json=body, headers={"X-Trace-ID": trace_id_of(mark)}
        )

    async def is_visible(self, doors: Doors, mark: str) -> bool:
        """Over the API."""
        return (await doors.agent.get(f"/v1/traces/{trace_id_of(mark)}")).status_code == 200


class Spans:
    """An exported span, found by its trace."""

    name = "otlp spans"

    async def write(self, doors: Doors, mark: str) -> httpx.Response:
        """One."""
        now_ns = time.time_ns()
        span = {"traceId": trace_id_of(mark), "spanId": trace_id_of(mark)[:16], "name": mark, "kind": 2}
        span |= {"startTimeUnixNano": str(now_ns - 1_000_000), "endTimeUnixNano": str(now_ns)}
        groups = [{"resource": _RESOURCE, "scopeSpans": [{"spans": [span]}]}]
        return await doors.exporter.post("/v1/traces", json={"resourceSpans": groups})

    async def is_visible(self, doors: Doors, mark: str) -> bool:
        """Over the API."""
        return (await doors.agent.get(f"/v1/traces/{trace_id_of(mark)}")).status_code == 200


class Logs:
    """An exported log record, found by its text."""

    name = "otlp logs"

    async def write(self, doors: Doors, mark: str) -> httpx.Response:
        """One."""
        now_ns = str(time.time_ns())
        record = {"timeUnixNano": now_ns, "severityNumber": 9, "body": {"stringValue": mark}}
        groups = [{"resource": _RESOURCE, "scopeLogs": [{"logRecords": [record]}]}]
        return await doors.exporter.post("/v1/logs", json={"resourceLogs": groups})

    async def is_visible(self, doors: Doors, mark: str) -> bool:
        """In the store."""
        return await _is_stored(doors, "SELECT count() FROM logs WHERE body = {mark:String}", mark)


class Points:
    """An exported point of a gauge, found by its name."""

    name = "otlp metrics"

    async def write(self, doors: Doors, mark: str) -> httpx.Response:
        """One."""
        points = {"dataPoints": [{"timeUnixNano": str(time.time_ns()), "asDouble": 1.5}]}
        scoped = [{"metrics": [{"name": mark, "gauge": points}]}]
        groups = [{"resource": _RESOURCE, "scopeMetrics": scoped}]
        return await doors.exporter.post("/v1/metrics", json={"resourceMetrics": groups})

    async def is_visible(self, doors: Doors, mark: str) -> bool:
        """In the store."""
        return await _is_stored(doors, "SELECT count() FROM metric_points WHERE name = {mark:String}", mark)


_RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "canary"}}]}
Kind = Calls | Spans | Logs | Points
KINDS: tuple[Kind, ...] = (Calls(), Spans(), Logs(), Points())


async def _is_stored(doors: Doors, sql: str, mark: str) -> bool:
    answer = await doors.store.post("/", content=sql, params={"param_mark": mark})
    return answer.is_success and answer.text.strip() == "1"


async def watch(kind: Kind, doors: Doors, *, until: float) -> Seen:
    """Writes until then, and waits for what it wrote."""
    seen = Seen(kind.name)
    looking: list[asyncio.Task[None]] = []
    while time.monotonic() < until and seen.is_there:
        mark = f"canary-{random_text(16)}"
        answer = await kind.write(doors, mark)
        if answer.status_code in _NOT_THERE:
            seen.is_there = False
        elif answer.is_success:
            seen.written += 1
            give_up_at = until + PATIENCE_S
            looking.append(asyncio.create_task(_look(kind, doors, seen, mark, give_up_at)))
        else:
            seen.refused += 1  # not acknowledged: nothing is promised
        await asyncio.sleep(_PAUSE_S)
    await asyncio.gather(*looking)
    return seen


async def _look(kind: Kind, doors: Doors, seen: Seen, mark: str, give_up_at: float) -> None:
    written_at = time.monotonic()
    while time.monotonic() < give_up_at:
        if await kind.is_visible(doors, mark):
            seen.visible_s.append(time.monotonic() - written_at)
            return
        await asyncio.sleep(_LOOK_S)
    seen.lost.append(mark)


async def canaries(installation: Installation, *, seconds: float) -> tuple[list[Seen], int]:
    """All kinds at once beside a load of calls; what they saw, and how many calls the load had answered."""
    secret = installation.json("key", "create", "canary")["secret"]
    load = Load(installation.url, secret)
    stopping = asyncio.Event()
    loading = asyncio.create_task(load.run(stopping))
    async with (
        _doors(installation, secret) as agent,
        _doors(installation, _exporter_key(installation)) as out,
    ):
        password = DataDirectory(installation.data).store_password()
        async with httpx.AsyncClient(
            base_url=installation.told["store_url"],
            auth=("gatewayops", password),
            params={"database": "gatewayops"},
            timeout=_CALL_S,
        ) as store:
            doors = Doors(agent, out, store)
            until = time.monotonic() + seconds
            watching = asyncio.gather(*(watch(kind, doors, until=until) for kind in KINDS))
            try:
                await asyncio.sleep(seconds)
            finally:
                stopping.set()
                await loading
            return await watching, len(load.answered)


def _doors(installation: Installation, secret: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.AsyncClient(base_url=installation.url, timeout=_CALL_S, headers=headers)


def _exporter_key(installation: Installation) -> str:
    words = ("key", "create", "canary-exporter")
    done = installation.cli(*words, "--action", "telemetry.write", "--json")
    made = json.loads(done.stdout) if done.returncode == 0 else installation.json(*words)
    return str(made["secret"])


def run(data: Path, *, seconds: float) -> tuple[list[Seen], int]:
    """Starts an installation on `data`, runs the canaries, stops it."""
    installation = Installation(data)
    with MirrorServer().running() as mirror:
        try:
            installation.start()
            installation.json("server", "add", "mirror", "--url", mirror.url)
            return asyncio.run(canaries(installation, seconds=seconds))
        finally:
            installation.close()


def table(found: list[Seen], *, calls: int, seconds: float) -> str:
    """For people."""
    head = f"{'kind':<14}{'written':>8}{'read back':>11}{'lost':>6}{'refused':>9}{'p50':>8}{'p95':>8}"
    lines = [f"beside {calls} calls in {seconds:.0f} s", "", head]
    for one in found:
        if not one.is_there:
            lines.append(f"{one.kind:<14}not there")
            continue
        lines.append(
            f"{one.kind:<14}{one.written:>8}{len(one.visible_s):>11}{len(one.lost):>6}{one.refused:>9}"
            f"{one.part_s(0.5):>6.1f} s{one.part_s(0.95):>6.1f} s"
        )
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true", help="what was seen as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        found, calls = run(Path(folder) / "data", seconds=asked.seconds)
    shown: Any = [asdict(one) for one in found]
    print(json.dumps(shown) if asked.json else table(found, calls=calls, seconds=asked.seconds))
    return 1 if any(one.lost for one in found) or not found[0].visible_s else 0


if __name__ == "__main__":
    sys.exit(main())
