"""`python -m bench`, or make bench: what a governed call costs, on this machine, in this minute.

Then telemetry: what a span costs that comes by OTLP (bench.otlp), and how long questions take at `--scale`
stored spans (bench.queries). Last the dashboard: its pages with as many calls behind them (bench.pages).
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench import otlp, pages, queries, report, rounds
from bench.targets import all_targets

_RESULT = Path("build/bench.json")
_TELEMETRY_RESULT = Path("build/bench-telemetry.json")
_PAGES_RESULT = Path("build/bench-pages.json")
_EXPORTED = 200_000  # spans; with the default scale the telemetry part takes about two minutes
_SECONDS = 1.0  # of each question


def main() -> int:
    """0 unless a call failed; missed goals are marked, and are no failure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int, default=queries.SCALE, help="stored spans to ask about")
    scale = parser.parse_args().scale
    console = Console()
    failures = _calls(console)
    console.print("\nspans over OTLP into the store, masked")
    asyncio.run(otlp.main(_EXPORTED))
    console.print()
    queries.measure(console, scale=scale, seconds=_SECONDS, result=_TELEMETRY_RESULT)
    console.print()
    pages.measure(console, scale=scale, result=_PAGES_RESULT)
    for line in failures:
        console.print(line, style="red", markup=False)
    return 1 if failures else 0


def _calls(console: Console) -> list[str]:
    """Measures the path of a call; says which calls failed."""
    load_average = os.getloadavg()[0]
    console.print("three rounds of direct, nginx and gateway; takes about a minute and a half")
    with (
        tempfile.TemporaryDirectory(prefix="gatewayops-bench-", ignore_cleanup_errors=True) as folder,
        all_targets(Path(folder)) as targets,
    ):
        seen, half = rounds.run(targets)
    direct = seen[0]
    figures = {each.name: report.figures(each, direct) for each in seen}
    run = report.Run(seen, half, load_average)
    report.show(console, figures, run=run)
    if "nginx" not in figures:
        console.print("  nginx is not installed: no ratio to it")
    report.write(_RESULT, figures, run=run)
    console.print(f"  written to {_RESULT}")
    return [
        f"{each.name}: {each.failed} of {each.calls} calls failed: {each.first_failure}"
        for each in seen
        if each.failed
    ]


if __name__ == "__main__":
    sys.exit(main())
