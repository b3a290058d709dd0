"""A real Chromium for tests and screenshots: the system's, installed by apt where that is allowed.

Playwright drives it; its own browsers come from addresses that many machines may not reach. Where there is
one it is the headless shell, as Playwright's own would be: the same engine without the windows that nobody
sees, which cost more than half of what opening a page does.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from gatewayops.testing.fetched_folder import fill_once
from gatewayops.testing.peer_process import PeerFailed

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGES = ("chromium-headless-shell", "chromium")  # the first is not everywhere
_INSTALL_TIMEOUT_S = 300
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable(cache: Path) -> str:
    """Its path; installs it when there is none and we are root. Raises PeerFailed that says what to do."""
    found = _found()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        fill_once(cache / "chromium-by-apt", _install)
        found = _found()
    if found is None:
        msg = "no Chromium on this machine: install one (Debian: apt-get install chromium) and run again"
        raise PeerFailed(msg)
    return found


def _found() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _install(_: Path) -> None:
    _apt_get("update")
    for package in _PACKAGES:
        refused = _apt_get("install", "-y", "--no-install-recommends", package)
        if not refused:
            return
    msg = f"apt-get could not install a Chromium; install one by hand\n{refused[-2000:]}"
    raise PeerFailed(msg)


def _apt_get(*words: str) -> str:
    """What it complained of when it failed."""
    done = subprocess.run(  # noqa: S603 - our own words
        ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *words],  # noqa: S607
        capture_output=True, text=True, check=False, timeout=_INSTALL_TIMEOUT_S,
    )  # fmt: skip
    return (done.stderr or "no word why") if done.returncode else ""


def main() -> int:
    """For `make test`: has it ready before tests begin; they may not wait for an installation."""
    try:
        sys.stdout.write(f"browser: {executable(Path('.cache'))}\n")
    except (PeerFailed, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"the dashboard's tests will fail: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
