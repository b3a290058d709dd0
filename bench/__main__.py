"""`python -m bench`, or make bench: what a governed call costs, on this machine, in this minute."""

import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench import report, rounds
from bench.targets import all_targets

_RESULT = Path("build/bench.json")


def main() -> int:
    """0 unless a call failed; missed goals are marked, and are no failure."""
    console = Console()
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
    failures = [
        f"{each.name}: {each.failed} of {each.calls} calls failed: {each.first_failure}"
        for each in seen
        if each.failed
    ]
    for line in failures:
        console.print(line, style="red", markup=False)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
