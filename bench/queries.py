"""`python -m bench.queries --scale 1000000`: how long questions take at so many stored spans.

Fills an embedded telemetry store and asks through the functions that the API asks through. Prints p50 and p95
beside the goals. Then exports spans by OTLP to an installation and waits until each is found over the API.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import visibility
from bench.filling import Filled, fill
from bench.process_cost import cpu_s
from bench.questions import Asker, Question
from bench.ranks import nearest_rank
from gatewayops.app.day_jobs import DayJobs
from gatewayops.base.errors import GatewayOpsError
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.testing.store_process import PASSWORD, USER, StoreProcess

SCALE = 1_000_000
_BUSY = 2.5
_WIDTH = 120  # of what is not a terminal
_TIMES, _LEAST, _SECONDS = 100, 3, 4.0  # of one question


@dataclass(frozen=True)
class Timed:
    """A question and how long its answers took; `refused` says what the store said instead."""

    question: Question
    took_ms: list[float]
    cpu_ms: float  # of one answer, on average: the store's, and ours
    refused: str = ""

    def part_ms(self, part: float) -> float:
        """A percentile, 0.0 to 1.0."""
        return nearest_rank(self.took_ms, part)

    @property
    def is_met(self) -> bool:
        """Whether p95 is within the goal."""
        return not self.refused and self.part_ms(0.95) <= (self.question.goal_ms or float("inf"))


async def ask_all(
    folder: Path, *, scale: int, seconds: float = _SECONDS, only: str = ""
) -> tuple[Filled, list[Timed]]:
    """Fills a store in `folder` and times every question whose name has `only` in it."""
    with _store(folder) as store:
        telemetry = Telemetry(store.url, USER, PASSWORD, "bench", retention_days=60)
        try:
            filled = await fill(telemetry, scale)
            await summed(telemetry)
            return filled, await timed(telemetry, filled, store.pid, seconds=seconds, only=only)
        finally:
            await telemetry.close()


async def summed(telemetry: Telemetry) -> None:
    """Sums up the past days, as the control role does in the background."""
    jobs = DayJobs(telemetry)
    await jobs.step()
    began = time.perf_counter()
    days = await jobs.step()
    print(f"  {days} past days summed up in {time.perf_counter() - began:.1f} s")


async def timed(
    telemetry: Telemetry, filled: Filled, store_pid: int, *, seconds: float = _SECONDS, only: str = ""
) -> list[Timed]:
    """The same of a store that is filled."""
    asker = Asker(telemetry, filled)
    await asker.prepare()
    asked = [question for question in asker.questions() if only in question.what]
    return [await _timed(question, store_pid, seconds) for question in asked]


async def _timed(question: Question, store_pid: int, seconds: float) -> Timed:
    took: list[float] = []
    begin = time.perf_counter()
    cpu_before_s = cpu_s(store_pid) + time.process_time()
    while len(took) < _TIMES and (len(took) < _LEAST or time.perf_counter() - begin < seconds):
        start = time.perf_counter()
        try:
            await question.ask()
        except GatewayOpsError as error:
            return Timed(question, took, 0.0, refused=error.detail)
        took.append((time.perf_counter() - start) * 1000)
    used_s = cpu_s(store_pid) + time.process_time() - cpu_before_s
    return Timed(question, took, used_s / len(took) * 1000)


def show(console: Console, filled: Filled, found: Sequence[Timed]) -> None:
    """The table for people."""
    load_average = os.getloadavg()[0]  # of the last minute: ours is about 1
    table = Table(title=f"Questions at {filled.spans:,} spans, a fifth of them in the last 24 hours")
    table.add_column("question")
    for heading in ("p50 ms", "p95 ms", "goal ms", "CPU ms", "asked"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for one in found:
        goal = one.question.goal_ms
        mark = "" if goal is None else "met" if one.is_met else "not met"
        figures = ("-", "-") if one.refused else (f"{one.part_ms(0.5):,.0f}", f"{one.part_ms(0.95):,.0f}")
        used = (f"{goal:,}" if goal else "", f"{one.cpu_ms:,.0f}", str(len(one.took_ms)))
        table.add_row(one.question.what, *figures, *used, one.refused or mark)
    console.print(table)
    console.print(f"  filled in {filled.seconds:.1f} s; CPU is the store's and ours, of one answer")
    if load_average > _BUSY:
        console.print(f"  The machine was busy (load {load_average:.1f}): the CPU says more than the times.")


@contextmanager
def _store(folder: Path) -> Iterator[StoreProcess]:
    process = StoreProcess(folder / "telemetry")
    process.start()
    try:
        yield process
    finally:
        process.end()


def measure(
    console: Console, *, scale: int, seconds: float = _SECONDS, only: str = "", result: Path | None = None
) -> None:
    """Fills, asks, prints; also how soon an export is found, unless `only` some questions are wanted."""
    with tempfile.TemporaryDirectory(prefix="gatewayops-queries-", ignore_cleanup_errors=True) as folder:
        filled, found = asyncio.run(ask_all(Path(folder), scale=scale, seconds=seconds, only=only))
        show(console, filled, found)
        visible_s = [] if only else asyncio.run(visibility.found_after_s(Path(folder) / "visible"))
    if visible_s:
        visibility.show(console, visible_s)
    if result is not None:
        write(result, filled, found, visible_s)
        console.print(f"  written to {result}")


def write(path: Path, filled: Filled, found: Sequence[Timed], visible_s: Sequence[float]) -> None:
    """The same as JSON, with every answer's time."""
    questions = [
        {"question": one.question.what, "goal_ms": one.question.goal_ms, "is_met": one.is_met}
        | {"took_ms": one.took_ms, "cpu_ms": one.cpu_ms, "refused": one.refused}
        for one in found
    ]
    told = {"spans": filled.spans, "filled_s": filled.seconds, "questions": questions}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told | {"visible_after_s": list(visible_s)}, indent=2) + "\n")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int, default=SCALE, help="spans")
    parser.add_argument("--only", default="", help="questions with this text in their name, nothing else")
    given = parser.parse_args()
    measure(Console(width=None if sys.stdout.isatty() else _WIDTH), scale=given.scale, only=given.only)


if __name__ == "__main__":
    main()
