"""Pictures of every page of the dashboard (light, dark, narrow) into `docs/screenshots/`, with demo data."""

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from gatewayops.testing.browsing import NARROW, WIDE, Browsing, Scheme, launch
from gatewayops.testing.dashboard_pages import examples
from gatewayops.testing.first_person import first_administrator
from gatewayops.testing.installation import Installation
from gatewayops.web import pages

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/screenshots"
KINDS: tuple[tuple[str, Scheme, int], ...] = (
    ("light", "light", WIDE),
    ("dark", "dark", WIDE),
    ("narrow", "light", NARROW),
)
QUALITY = 60
CHARTS_MS = 300  # until they are drawn


def main(*only: str) -> None:
    """Of all pages, or of those whose pattern begins with one of `only`."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gatewayops-screenshots-") as folder:
        installation = Installation(Path(folder) / "data", "--demo")
        installation.start()
        try:
            installation.json("demo", "seed", "--days", "30", timeout_s=900)
            _take(installation, only)
        finally:
            installation.close()
    _write_index()


def _take(installation: Installation, only: tuple[str, ...]) -> None:
    with first_administrator(installation) as ada, sync_playwright() as playwright:
        browser = launch(playwright, ROOT / ".cache")
        browsing = Browsing(browser, installation.url, ada.cookies)
        found = examples(ada).items()
        wanted = {pattern: path for pattern, path in found if not only or pattern.startswith(only)}
        for kind, scheme, width in KINDS:
            with browsing.person(scheme=scheme, width=width) as person:
                for pattern, path in wanted.items():
                    page = person.open(path)
                    page.wait_for_timeout(CHARTS_MS)
                    picture = FOLDER / f"{_name(pattern)}-{kind}.jpg"
                    page.screenshot(path=picture, type="jpeg", quality=QUALITY)
                    sys.stdout.write(f"{picture.relative_to(ROOT)}\n")
        browser.close()


def _name(pattern: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", pattern.lower()).strip("-") or "overview"


def _write_index() -> None:
    """A table of all pictures, as a page beside them."""
    lines = [
        "# Every page of the dashboard",
        "",
        "Taken by `python scripts/screenshots.py`, with demo data.",
        "",
    ]
    lines += ["| page | light | dark | narrow |", "|---|---|---|---|"]
    for pattern, _ in pages.SHOWN:
        pictures = [f"{_name(pattern)}-{kind}.jpg" for kind, _, _ in KINDS]
        cells = " | ".join(f"[![]({one})]({one})" for one in pictures)
        lines.append(f"| `{pattern}` | {cells} |")
    (FOLDER / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
