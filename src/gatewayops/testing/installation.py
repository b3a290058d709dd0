"""Installation: `gatewayops up` as a child, as a user would run it, with the commands on its data directory.

For journeys and the bench. What it prints goes to files, and is shown when it does not start.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gatewayops.testing.forked_commands import ForkedCommands
from gatewayops.testing.peer_process import PeerFailed, free_port

_START_S = 60.0
_STOP_S = 40.0
_COMMAND_S = 90.0
_ASK_S = 0.05
_LAST_LINE = "Ctrl-C drains and stops all."


_SETTINGS = """# installations that run side by side must not fight over OpenTelemetry's own ports
[control]
otlp_grpc = "{grpc}"
otlp_http = "{http}"
allow_private_upstreams = {private}

# programs send more than people do: no limits but those that are set
[limits]
default_user = "0"
default_team = "0"
default_api_key = "0"
default_global = "0"
"""


_COMMANDS = ForkedCommands()


class Installation:
    """An installation on `data`; started, stopped and killed at will, always on the same port.

    `otlp_grpc` and `otlp_http` are where it takes exports beside that; empty where it does not.
    """

    def __init__(
        self, data: Path, *options: str, takes_exports: bool = False, allows_private: bool = False
    ) -> None:
        """Starts nothing yet. `options` are those of `gatewayops up`, such as `--demo`.

        `allows_private`: whoever may add servers and exports may name addresses of this machine.
        """
        self.data = data
        self.otlp_grpc = f"127.0.0.1:{free_port()}" if takes_exports else ""
        self.otlp_http = f"127.0.0.1:{free_port()}" if takes_exports else ""
        settings = data / "gatewayops.toml"
        if not settings.exists():
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            private = str(allows_private).lower()
            settings.write_text(_SETTINGS.format(grpc=self.otlp_grpc, http=self.otlp_http, private=private))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._printed = data.with_name(data.name + ".out")
        self._logged = data.with_name(data.name + ".log")

    def start(self) -> None:
        """Enters when it says that it is ready; raises PeerFailed with its log when it does not."""
        command = [
            sys.executable,
            "-m",
            "gatewayops",
            "up",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
        ]
        with self._printed.open("wb") as printed, self._logged.open("ab") as logged:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, *self._options], stdin=subprocess.DEVNULL, stdout=printed, stderr=logged
            )
        give_up_at = time.monotonic() + _START_S
        while _LAST_LINE not in self.banner:
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                self.kill()
                msg = f"`gatewayops up` did not get ready:\n{self.log[-4000:]}"
                raise PeerFailed(msg)
            time.sleep(_ASK_S)

    @property
    def banner(self) -> str:
        """What it printed for people."""
        return self._printed.read_text() if self._printed.exists() else ""

    @property
    def log(self) -> str:
        """What the roles logged, over all starts."""
        return self._logged.read_text(errors="replace") if self._logged.exists() else ""

    @property
    def secret(self) -> str:
        """The demo's API key."""
        found = re.search(r"gwo_dev_\w{32}", self.banner)
        return found.group() if found else ""

    @property
    def told(self) -> dict[str, Any]:
        """run/up.json: addresses and process ids."""
        told: dict[str, Any] = json.loads((self.data / "run" / "up.json").read_text())
        return told

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by role."""
        pids: dict[str, int] = self.told["pids"]
        return pids

    def cli(self, *words: str, timeout_s: float = _COMMAND_S) -> subprocess.CompletedProcess[str]:
        """Runs a command on the data directory."""
        return run_cli(*words, "--data", str(self.data), timeout_s=timeout_s)

    def json(self, *words: str, timeout_s: float = _COMMAND_S) -> Any:  # noqa: ANN401 - JSON
        """What a command prints with --json; raises PeerFailed when it fails."""
        done = self.cli(*words, "--json", timeout_s=timeout_s)
        if done.returncode != 0:
            msg = f"gatewayops {' '.join(words)}: {done.stderr}"
            raise PeerFailed(msg)
        return json.loads(done.stdout)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to drain, and gives its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(_STOP_S)

    def kill(self) -> None:
        """Ends the supervisor without warning; the roles see that it is gone, and end."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Stops it if it runs, the hard way if need be."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        self.kill()


def run_cli(*words: str, timeout_s: float = _COMMAND_S) -> subprocess.CompletedProcess[str]:
    """Runs `gatewayops` with these words, to its end."""
    return _COMMANDS.run(words, timeout_s=timeout_s)


def is_running(pid: int) -> bool:
    """Whether a process of that id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
