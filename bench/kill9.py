"""`python -m bench.kill9 --rounds 20`: no answered call is lost or recorded twice, whatever is killed.

Under a bounded load of calls (REST, MCP as JSON, MCP as a stream) and of OTLP exports, SIGKILLs gateway,
control and store in turn at random moments. A call counts as answered when its client has read the whole
answer; a client that got none tries again as a new call. Then every answered call must be in /v1/traces
exactly once, and no call twice; so must every span, log record and point of an acknowledged export (see
bench.exporting). Prints a table; exits 1 when something is missing or doubled.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench import exporting
from bench.exporting import Exporters
from gatewayops.base.ids import trace_id_of
from gatewayops.testing.installation import Installation
from gatewayops.testing.mirror_server import MirrorServer

ROLES = ("gateway", "control", "store")
_CLIENTS = 8
_PAUSE_S = 0.04  # of each client between two calls: the load is bounded
_CALL_S = 10.0
_RETURN_S = 60.0
_SETTLE_S = 60.0
_SEED = 20261120
_ACTIONS = ("mcp.*", "traces.read", "telemetry.write")
_VERSION = "2026-07-28"
_SSE_END = b"\n\n"


@dataclass
class Report:
    """What a run showed. `missing` and `doubled` name calls and exports, and must be empty."""

    rounds: int = 0
    kills: int = 0
    calls: int = 0
    answered: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
    unanswered_but_recorded: int = 0
    exported: dict[str, int] = field(default_factory=dict)  # acknowledged requests
    exports_refused: int = 0
    exports_sent_again: int = 0
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    return_s: dict[str, list[float]] = field(default_factory=lambda: {role: [] for role in ROLES})
    settle_s: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing twice, and something was proven at all."""
        proven = [*self.answered.values(), *self.exported.values()]
        return not self.missing and not self.doubled and min(proven, default=0) > 0


class Load:
    """Clients that call and remember which of their calls were answered."""

    def __init__(self, url: str, secret: str) -> None:
        """Nothing runs until `run`."""
        self.answered: dict[str, str] = {}  # name of the call: its kind
        self.unanswered: set[str] = set()
        self.refusals: Counter[int] = Counter()
        self._url = url
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._run = random.Random().randbytes(4).hex()
        self._number = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Calls until `stopping` is set; calls under way are finished."""
        clients = (self._client(kind, stopping) for kind, _ in zip(_kinds(), range(_CLIENTS), strict=False))
        await asyncio.gather(*clients)

    async def _client(self, kind: str, stopping: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=_CALL_S, headers=self._headers) as client:
            while not stopping.is_set():
                self._number += 1
                name = f"kill9-{self._run}-{self._number}"
                try:
                    is_answered = await _CALLS[kind](client, name, self.refusals)
                except (httpx.TransportError, httpx.StreamError):
                    is_answered = False
                if is_answered:
                    self.answered[name] = kind
                else:
                    self.unanswered.add(name)
                await asyncio.sleep(_PAUSE_S)


def _kinds() -> list[str]:
    return [kind for _ in range(_CLIENTS) for kind in _CALLS]


def _names(name: str) -> dict[str, str]:
    return {"X-Request-ID": name, "X-Trace-ID": name}


async def _rest(client: httpx.AsyncClient, name: str, refusals: Counter[int]) -> bool:
    body = {"tool": "echo", "arguments": {"marker": name}}
    answer = await client.post("/v1/mcp/mirror/tools/call", json=body, headers=_names(name))
    refusals[answer.status_code] += 1
    return answer.status_code == 200 and name in answer.text


def _mcp(name: str, tool: str) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": _VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": {"marker": name}, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": name, "method": "tools/call", "params": params}
    headers = {"MCP-Protocol-Version": _VERSION, "Mcp-Method": "tools/call", "Mcp-Name": tool}
    return {"json": message, "headers": {**headers, **_names(name), "Accept": _ACCEPT}}


async def _json(client: httpx.AsyncClient, name: str, refusals: Counter[int]) -> bool:
    answer = await client.post("/v1/mcp/mirror", **_mcp(name, "echo"))
    refusals[answer.status_code] += 1
    return answer.status_code == 200 and answer.json().get("id") == name and "result" in answer.json()


async def _sse(client: httpx.AsyncClient, name: str, refusals: Counter[int]) -> bool:
    """Answered from the moment at which the event with the answer was read, not at the stream's end."""
    is_answered, rest = False, b""
    try:
        async with client.stream("POST", "/v1/mcp/mirror", **_mcp(name, "stream")) as answer:
            refusals[answer.status_code] += 1
            async for chunk in answer.aiter_raw():
                *events, rest = (rest + chunk).split(_SSE_END)
                is_answered = is_answered or any(_is_result(event, name) for event in events)
    except httpx.TransportError:
        return is_answered
    return is_answered


def _is_result(event: bytes, name: str) -> bool:
    lines = [line.removeprefix(b"data: ") for line in event.split(b"\n") if line.startswith(b"data: ")]
    if not lines:
        return False
    message = json.loads(b"".join(lines))
    return message.get("id") == name and "result" in message


_ACCEPT = "application/json, text/event-stream"
_CALLS = {"rest": _rest, "json": _json, "stream": _sse}


async def kill_rounds(installation: Installation, secret: str, *, rounds: int, seed: int = _SEED) -> Report:
    """Runs the rounds against a started installation whose server `mirror` echoes."""
    rng = random.Random(seed)
    load, exporters = Load(installation.url, secret), Exporters(installation.url, secret)
    report = Report()
    stopping = asyncio.Event()
    sending = asyncio.gather(load.run(stopping), exporters.run(stopping))
    try:
        for _ in range(rounds):
            for role in rng.sample(ROLES, len(ROLES)):
                await asyncio.sleep(rng.uniform(0.1, 1.2))
                report.return_s[role].append(await _kill(installation, secret, role))
                report.kills += 1
            report.rounds += 1
        await asyncio.sleep(0.5)
    finally:
        stopping.set()
        await sending
    await _count(report, load, exporters, _Read(installation, secret))
    return report


async def _kill(installation: Installation, secret: str, role: str) -> float:
    """Kills a role and waits until another process does its work; seconds that took."""
    before = installation.pids[role]
    os.kill(before, signal.SIGKILL)
    begun = time.monotonic()
    async with httpx.AsyncClient(base_url=installation.url, timeout=_CALL_S) as client:
        while not await _is_back(client, installation, secret, role=role, before=before):
            if time.monotonic() - begun > _RETURN_S:
                msg = f"{role} did not come back within {_RETURN_S:.0f} s:\n{installation.log[-4000:]}"
                raise TimeoutError(msg)
            await asyncio.sleep(0.05)
    return time.monotonic() - begun


async def _is_back(
    client: httpx.AsyncClient, installation: Installation, secret: str, *, role: str, before: int
) -> bool:
    if installation.pids.get(role, before) == before:
        return False
    path = "/v1/ready" if role == "gateway" else "/v1/traces?limit=1"
    try:
        answer = await client.get(path, headers={"Authorization": f"Bearer {secret}"})
    except httpx.TransportError:
        return False
    return answer.status_code == 200


@dataclass(frozen=True)
class _Read:
    """Where to read what was recorded."""

    installation: Installation
    secret: str

    async def all(self) -> tuple[Counter[str], dict[str, exporting.Found]]:
        """How many spans each trace has, and what is found of exports."""
        shown = await _recorded(self.installation, self.secret)
        return shown, await exporting.find(self.installation, shown)


async def _count(report: Report, load: Load, exporters: Exporters, read: _Read) -> None:
    """Waits until all that was answered is recorded, or nothing more comes; then counts."""
    answered = {trace_id_of(name): name for name in load.answered}
    others = {trace_id_of(name): name for name in load.unanswered}
    begun = time.monotonic()
    while True:
        shown, found = await read.all()
        is_whole = not answered.keys() - shown.keys() and not exporting.missing(exporters, found)
        if is_whole or time.monotonic() - begun > _SETTLE_S:
            break
        await asyncio.sleep(0.5)
    report.settle_s = time.monotonic() - begun
    await asyncio.sleep(2.0)  # a late doubling would show now
    shown, found = await read.all()
    kinds = Counter(load.answered.values())
    report.calls = len(answered) + len(others)
    report.answered = {kind: kinds[kind] for kind in _CALLS}
    report.unanswered = len(others)
    report.unanswered_but_recorded = len(others.keys() & shown.keys())
    report.missing = sorted(answered[trace] for trace in answered.keys() - shown.keys())
    ours = {**answered, **others}
    report.doubled = sorted(ours[trace] for trace, spans in shown.items() if spans != 1 and trace in ours)
    report.exported = {kind: len(marks) for kind, marks in exporters.acknowledged.items()}
    report.exports_refused = sum(map(len, exporters.unacknowledged.values()))
    report.exports_sent_again = len(exporters.sent_again)
    report.missing += exporting.missing(exporters, found)
    report.doubled += exporting.doubled(exporters, found)
    report.doubled += await exporting.shown_twice(exporters, read.installation, read.secret)


async def _recorded(installation: Installation, secret: str) -> Counter[str]:
    """How many spans each trace has, read page by page from the API."""
    found: Counter[str] = Counter()
    async with httpx.AsyncClient(
        base_url=installation.url, timeout=60, headers={"Authorization": f"Bearer {secret}"}
    ) as client:
        asked: dict[str, Any] = {"limit": 200}
        while True:
            answer = await client.get("/v1/traces", params=asked)
            answer.raise_for_status()
            page = answer.json()
            for trace in page["traces"]:
                found[trace["id"].removeprefix("tr_")] += trace["span_count"]
            if not page["has_more"]:
                return found
            asked["cursor"] = page["cursor"]


def run(data: Path, *, rounds: int, seed: int = _SEED) -> Report:
    """Starts an installation on `data`, runs the rounds, stops it."""
    installation = Installation(data)
    with MirrorServer().running() as mirror:
        try:
            installation.start()
            installation.json("server", "add", "mirror", "--url", mirror.url)
            actions = [word for action in _ACTIONS for word in ("--action", action)]
            secret = installation.json("key", "create", "kill9", *actions)["secret"]
            return asyncio.run(kill_rounds(installation, secret, rounds=rounds, seed=seed))
        finally:
            installation.close()


def table(report: Report) -> str:
    """The report for people."""
    answered = sum(report.answered.values())
    kinds = ", ".join(f"{kind} {count}" for kind, count in report.answered.items())
    exported = ", ".join(f"{kind} {count}" for kind, count in report.exported.items())
    lines = [
        f"rounds      {report.rounds} ({report.kills} times SIGKILL)",
        f"calls       {report.calls}",
        f"answered    {answered} ({kinds})",
        f"unanswered  {report.unanswered} ({report.unanswered_but_recorded} of them recorded)",
        f"exported    {sum(report.exported.values())} requests acknowledged ({exported}), "
        f"{report.exports_refused} not; {report.exports_sent_again} of spans sent more than once",
        f"missing     {len(report.missing)} {' '.join(report.missing[:10])}",
        f"doubled     {len(report.doubled)} {' '.join(report.doubled[:10])}",
        f"settled     after {report.settle_s:.1f} s",
    ]
    for role, times in report.return_s.items():
        if times:
            middle = sorted(times)[len(times) // 2]
            lines.append(f"{role:<10}  back after {middle:.1f} s (median), {max(times):.1f} s at most")
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kill9-") as folder:
        report = run(Path(folder) / "data", rounds=asked.rounds, seed=asked.seed)
    print(json.dumps(asdict(report)) if asked.json else table(report))
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
