"""Runs loads against the targets, interleaved, and notes what each round showed."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

import msgspec

from bench import process_cost
from bench.load import Load, Plan
from bench.targets import Target, with_load
from gatewayops.testing.peer_process import PeerFailed

ROUNDS = 3
MANY = 32
_ONE_S = 1.5
_MANY_S = 3.0
_HALF_S = 2.0
_SETTLE_S = 4.0
_QUIET_S = 0.2
_QUIET_PART = 0.2  # of a core
_UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass
class Seen:
    """All rounds of one target. Latencies in µs, by load: "one", "many", "half"."""

    name: str
    p50_us: dict[str, list[float]] = field(default_factory=dict)
    p99_us: dict[str, list[float]] = field(default_factory=dict)
    calls_per_s: list[float] = field(default_factory=list)
    cpu_us: dict[str, list[float]] = field(default_factory=dict)
    calls: int = 0
    failed: int = 0
    first_failure: str = ""
    rss_mb: float = 0.0


def run(targets: list[Target]) -> tuple[list[Seen], float]:
    """What was seen of each target, and the fixed rate (calls a second) of the half load."""
    seen = {target.name: Seen(target.name) for target in targets}
    gateway = next(target for target in targets if target.name == "gateway")
    warm = [_send(with_load(target, connections=MANY, seconds=1.0)) for target in targets]
    half = warm[targets.index(gateway)].calls / warm[targets.index(gateway)].seconds / 2
    for _ in range(ROUNDS):
        for load in ("one", "half", "many"):
            for target in targets:
                _settle(gateway)
                _measure(target, seen[target.name], load, half)
    for target in targets:
        if target.pid:
            seen[target.name].rss_mb = process_cost.rss_mb(target.pid)
    return list(seen.values()), half


def _measure(target: Target, seen: Seen, name: str, half: float) -> None:
    plan = {
        "one": with_load(target, connections=1, seconds=_ONE_S),
        "half": with_load(target, connections=MANY, seconds=_HALF_S, calls_per_s=half),
        "many": with_load(target, connections=MANY, seconds=_MANY_S),
    }[name]
    before_s = process_cost.cpu_s(target.pid) if target.pid else 0.0
    wrk = shutil.which("wrk") if name == "many" else None
    load = _send(plan) if wrk is None else _send_by_wrk(wrk, plan)
    used_s = process_cost.cpu_s(target.pid) - before_s if target.pid else 0.0
    seen.p50_us.setdefault(name, []).append(load.p50_us)
    seen.p99_us.setdefault(name, []).append(load.p99_us)
    seen.cpu_us.setdefault(name, []).append(used_s / max(1, load.calls) * 1e6)
    if name == "many":
        seen.calls_per_s.append(load.calls / load.seconds)
    seen.calls += load.calls
    seen.failed += load.failed
    seen.first_failure = seen.first_failure or load.first_failure


def _send(plan: Plan) -> Load:
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(plan),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        msg = f"the load generator failed:\n{done.stderr.decode()[-1500:]}"
        raise PeerFailed(msg)
    return msgspec.json.decode(done.stdout, type=Load)


def _send_by_wrk(program: str, plan: Plan) -> Load:
    """A closed loop by wrk, which costs less CPU than ours."""
    headers = "".join(f'wrk.headers["{name}"] = {_lua(value)}\n' for name, value in plan.headers.items())
    script = f'wrk.method = "POST"\nwrk.body = {_lua(plan.body.replace("ID", "7"))}\n{headers}'
    address = f"http://127.0.0.1:{plan.port}{plan.path}"
    words = ["-t1", f"-c{plan.connections}", f"-d{plan.seconds:.0f}s", "--latency", "-s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:  # wrk reads it again in each thread
        file.write(script)
        file.flush()
        command = [program, *words, file.name, address]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"([0-9]+) requests in ([0-9.]+)(ms|s|m)", done.stdout)
    if done.returncode != 0 or found is None:
        msg = f"wrk failed:\n{done.stderr[-500:]}{done.stdout[-500:]}"
        raise PeerFailed(msg)
    wrong = re.search(r"Non-2xx or 3xx responses: ([0-9]+)", done.stdout)
    broken = re.search(
        r"Socket errors: connect ([0-9]+), read ([0-9]+), write ([0-9]+), timeout ([0-9]+)", done.stdout
    )
    failed = int(wrong.group(1)) if wrong else 0
    failed += sum(int(count) for count in broken.groups()) if broken else 0
    return Load(
        calls=int(found.group(1)), failed=failed, seconds=plan.seconds,
        p50_us=_percentile(done.stdout, 50), p99_us=_percentile(done.stdout, 99),
        first_failure=done.stdout[-300:] if failed else "",
    )  # fmt: skip


def _percentile(printed: str, part: int) -> float:
    found = re.search(rf"\s{part}%\s+([0-9.]+)(us|ms|s)", printed)
    return float(found.group(1)) * _UNITS_US[found.group(2)] if found else 0.0


def _lua(text: str) -> str:
    return f"[==[{text}]==]"


def _settle(gateway: Target) -> None:
    """Until the recorder has stored what earlier loads left: it works on the same cores."""
    give_up_at = time.monotonic() + _SETTLE_S
    while time.monotonic() < give_up_at:
        before_s = sum(process_cost.cpu_s(pid) for pid in gateway.behind)
        time.sleep(_QUIET_S)
        if sum(process_cost.cpu_s(pid) for pid in gateway.behind) - before_s < _QUIET_S * _QUIET_PART:
            return
