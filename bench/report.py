"""What the rounds come to: medians, what the gateway adds, ratios to nginx, goals met or not."""

import json
import os
import platform
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rounds import Seen

_BUSY = 0.5
NGINX_OF_THE_GOALS_US = 15  # on the machine on which the goals were measured (docs/decisions/0009)
_LOADS = {"one": "1 connection", "half": "half load", "many": "32 connections"}


@dataclass(frozen=True)
class Run:
    """What was seen, the fixed rate of the half load, and how busy the machine was with other things."""

    seen: list[Seen]
    half: float
    load_average: float


@dataclass(frozen=True)
class Goal:
    """One figure that the gateway promises."""

    what: str
    seen: float
    most: float
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether it holds."""
        return self.seen <= self.most


def figures(seen: Seen, direct: Seen) -> dict[str, Any]:
    """Medians over the rounds; what is added is the median of the differences within a round."""
    cpu_us = median(seen.cpu_us["many"])
    found: dict[str, Any] = {
        "calls": seen.calls,
        "failed": seen.failed,
        "calls_per_s": round(median(seen.calls_per_s)),
        "cpu_us_per_call": round(cpu_us, 1),
        "calls_per_s_per_core": round(1e6 / cpu_us) if cpu_us else None,
        "rss_mb": round(seen.rss_mb, 1),
    }
    for load in _LOADS:
        for name, mine, bare in (
            ("p50", seen.p50_us[load], direct.p50_us[load]),
            ("p99", seen.p99_us[load], direct.p99_us[load]),
        ):
            found[f"{name}_us_{load}"] = round(median(mine))
            found[f"added_{name}_us_{load}"] = round(median(a - b for a, b in zip(mine, bare, strict=True)))
        found[f"cpu_us_per_call_{load}"] = round(median(seen.cpu_us[load]), 1)
    return found


def goals(all_figures: dict[str, dict[str, Any]]) -> Iterator[Goal]:
    """What was promised, beside what was seen."""
    gateway = all_figures["gateway"]
    yield Goal("CPU a call", gateway["cpu_us_per_call"], 60, "µs")
    if "nginx" in all_figures:
        ratio = gateway["cpu_us_per_call"] / all_figures["nginx"]["cpu_us_per_call"]
        yield Goal("CPU a call, nginx = 1", round(ratio, 2), 4.5, "x")
        scaled = round(ratio * NGINX_OF_THE_GOALS_US, 1)
        yield Goal("CPU a call where nginx costs 15 µs, as where the goals were set", scaled, 60, "µs")
    yield Goal("added p50 at 1 connection", gateway["added_p50_us_one"] / 1000, 0.3, "ms")
    yield Goal("memory of the gateway", gateway["rss_mb"], 80, "MB")


def write(path: Path, all_figures: dict[str, dict[str, Any]], *, run: Run) -> None:
    """The run as JSON: the machine, the medians, the goals, each round."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "python_is_optimised": "--enable-optimizations"
            in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
            "load_average_before": run.load_average,
        },
        "half_load_calls_per_s": round(run.half),
        "targets": all_figures,
        "goals": [asdict(goal) | {"is_met": goal.is_met} for goal in goals(all_figures)],
        "rounds": [asdict(seen) for seen in run.seen],
    }
    path.write_text(json.dumps(found, indent=2) + "\n")


def show(console: Console, all_figures: dict[str, dict[str, Any]], *, run: Run) -> None:
    """The tables for people."""
    table = Table(title=f"A governed tools/call (medians; half load: {run.half:,.0f} calls/s)")
    table.add_column("")
    for name in all_figures:
        table.add_column(name, justify="right")
    rows = [("CPU a call, µs", "cpu_us_per_call"), ("calls/s a core", "calls_per_s_per_core")]
    rows += [("calls/s seen at 32 connections", "calls_per_s"), ("memory, MB", "rss_mb")]
    for load, title in _LOADS.items():
        rows += [(f"p50 µs, {title}", f"p50_us_{load}"), (f"  added p50, {title}", f"added_p50_us_{load}")]
        rows += [(f"p99 µs, {title}", f"p99_us_{load}"), (f"  added p99, {title}", f"added_p99_us_{load}")]
    for title, key in rows:
        table.add_row(title, *(_shown(found.get(key)) for found in all_figures.values()))
    if "nginx" in all_figures:
        bare = all_figures["nginx"]["cpu_us_per_call"]
        ratios = (found["cpu_us_per_call"] / bare for found in all_figures.values())
        table.add_row("CPU a call, nginx = 1", *(f"{ratio:.2f}" if ratio else "" for ratio in ratios))
    console.print(table)
    if run.load_average > _BUSY:
        console.print(
            f"  The machine was busy before (load {run.load_average:.1f}): repeat this on a quiet one."
        )
    for goal in goals(all_figures):
        mark = "met    " if goal.is_met else "NOT met"
        console.print(
            f"  {mark}  {goal.what}: {goal.seen:g} {goal.unit} (goal: at most {goal.most:g} {goal.unit})"
        )


def _shown(value: float | None) -> str:
    return "" if not value else f"{value:,}"
