"""`python -m bench.pages --scale 1000000`: the dashboard's pages, with so many seeded calls behind them.

Server time is what the page says of itself (`Server-Timing`); first paint is Chromium's first contentful
paint, with warm files, through the gateway. Prints p95 beside the goals, and the first answer: what it read
may be remembered for the next.
"""

import argparse
import asyncio
import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from bench.ranks import nearest_rank
from gatewayops.app.layout import DataDirectory
from gatewayops.store.telemetry import day_sums
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.store.telemetry.settings import TelemetrySettings
from gatewayops.testing.browsing import Browsing, launch
from gatewayops.testing.dashboard_pages import examples
from gatewayops.testing.first_person import first_administrator
from gatewayops.testing.installation import Installation

SCALE = 1_000_000
GOAL_MS, SLOW_GOAL_MS, PAINT_GOAL_MS = 50, 150, 300
_SLOW = ("/traces", "/runs", "/metrics", "/analytics")  # search and percentiles
_TIMES, _LEAST, _SECONDS, _PAINTS = 60, 20, 3.0, 3  # of one page; a slow one is asked less often
_BUSY = 2.5
_MOST_SECONDS = 300
_CACHE = Path(__file__).parents[1] / ".cache"
_PAINT = """new Promise(done => new PerformanceObserver(
    list => list.getEntriesByName("first-contentful-paint").forEach(paint => done(paint.startTime))
).observe({type: "paint", buffered: true}))"""


@dataclass(frozen=True)
class Seen:
    """One page: server times and first paints, milliseconds."""

    pattern: str
    server_ms: list[float]  # the first one at the beginning
    paint_ms: list[float]

    @property
    def goal_ms(self) -> int:
        """Of the server's time."""
        return SLOW_GOAL_MS if self.pattern.startswith(_SLOW) else GOAL_MS

    def p95_ms(self) -> float:
        """Of the server's time."""
        return nearest_rank(self.server_ms, 0.95)

    @property
    def is_met(self) -> bool:
        """Whether both goals are."""
        return (
            self.p95_ms() <= self.goal_ms and sorted(self.paint_ms)[len(self.paint_ms) // 2] <= PAINT_GOAL_MS
        )


def look(scale: int, *, only: str = "") -> list[Seen]:
    """Seeds an installation and looks at every page whose pattern begins with `only`."""
    with tempfile.TemporaryDirectory(prefix="gatewayops-pages-", ignore_cleanup_errors=True) as folder:
        installation = Installation(Path(folder) / "data", "--demo")
        installation.start()
        try:
            installation.json("demo", "seed", "--days", "30", "--calls", str(scale), timeout_s=3600)
            asyncio.run(_summed(installation))
            with first_administrator(installation) as ada:
                return _look(installation, ada, only)
        finally:
            installation.close()


async def _summed(installation: Installation) -> None:
    """Enters when the past days are summed up: within a minute after calls came for them."""
    data = DataDirectory(installation.data)
    store = json.loads((data.run / "store.json").read_text())["address"]
    given = TelemetrySettings()
    telemetry = Telemetry(f"http://{store}", given.user, data.store_password(), given.database)
    try:
        for _ in range(_MOST_SECONDS):
            open_days = [row for row in await telemetry.rows(day_sums.standing()) if not row["build"]]
            if len(open_days) <= 1:  # today
                break
            await asyncio.sleep(1)
    finally:
        await telemetry.close()


def _look(installation: Installation, ada: httpx.Client, only: str) -> list[Seen]:
    wanted = {pattern: path for pattern, path in examples(ada).items() if pattern.startswith(only)}
    with sync_playwright() as playwright:
        browser = launch(playwright, _CACHE)
        with Browsing(browser, installation.url, ada.cookies).person() as person:
            found = []
            for pattern, path in wanted.items():
                server_ms = _asked(ada, path)
                paint_ms = [float(person.open(path).evaluate(_PAINT)) for _ in range(_PAINTS)]
                person.page.goto("about:blank")  # pages that follow what happens go on asking
                found.append(Seen(pattern, server_ms, paint_ms))
        browser.close()
    return found


def _asked(client: httpx.Client, path: str) -> list[float]:
    began_s, took_ms = time.perf_counter(), [_server_ms(client, path)]
    while len(took_ms) < _TIMES and (len(took_ms) < _LEAST or time.perf_counter() - began_s < _SECONDS):
        took_ms.append(_server_ms(client, path))
    return took_ms


def _server_ms(client: httpx.Client, path: str) -> float:
    answer = client.get(path, follow_redirects=True)
    answer.raise_for_status()
    told = re.search(r"page;dur=([\d.]+)", answer.headers["server-timing"])
    assert told is not None
    return float(told.group(1))


def show(console: Console, scale: int, found: list[Seen]) -> None:
    """The table for people."""
    table = Table(title=f"Pages of the dashboard with {scale:,} calls, ms")
    table.add_column("page")
    for heading in ("first", "p50", "p95", "goal", "first paint", "goal "):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for one in found:
        p50 = sorted(one.server_ms)[len(one.server_ms) // 2]
        paint = sorted(one.paint_ms)[len(one.paint_ms) // 2]
        figures = (
            f"{one.server_ms[0]:,.0f}",
            f"{p50:,.0f}",
            f"{one.p95_ms():,.0f}",
            str(one.goal_ms),
            f"{paint:,.0f}",
            str(PAINT_GOAL_MS),
        )
        table.add_row(one.pattern, *figures, "met" if one.is_met else "not met")
    console.print(table)
    load_average = os.getloadavg()[0]
    if load_average > _BUSY:
        console.print(f"  The machine was busy (load {load_average:.1f}): repeat this on a quiet one.")


def measure(console: Console, *, scale: int, only: str = "", result: Path | None = None) -> None:
    """Looks, prints, writes."""
    found = look(scale, only=only)
    show(console, scale, found)
    if result is not None:
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps({"calls": scale, "pages": [asdict(one) for one in found]}, indent=1))
        console.print(f"  written to {result}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int, default=SCALE, help="calls behind the pages")
    parser.add_argument("--only", default="", help="pages whose address begins so")
    given = parser.parse_args()
    measure(Console(), scale=given.scale, only=given.only)
