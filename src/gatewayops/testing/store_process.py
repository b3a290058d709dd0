"""StoreProcess: the real store role as a child on a folder and port; asked, killed and started again."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from gatewayops.testing.peer_process import free_port

USER = "gatewayops"
PASSWORD = "a password: with a colon"  # noqa: S105 - of stores that live as long as a test
_ROLE = """
import sys
from pathlib import Path
from gatewayops.store.embedded.role import run
from gatewayops.store.telemetry.settings import TelemetrySettings
folder, port, password = sys.argv[1:]
run(Path(folder), host="127.0.0.1", port=int(port), settings=TelemetrySettings(), password=password)
"""


class StoreProcess:
    """A store role; can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        """Starts nothing yet."""
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-c", _ROLE, str(self.folder), str(self.port), PASSWORD]
        self._process = subprocess.Popen(command)  # noqa: S603 - our own code
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, "the store ended"
            assert time.monotonic() < deadline, "the store did not answer"
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def end(self, number: int = signal.SIGTERM) -> int:
        """The exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(timeout=30)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:  # noqa: S310 - loopback
                return bool(answer.read() == b"Ok.\n")
        except (urllib.error.URLError, OSError):
            return False
