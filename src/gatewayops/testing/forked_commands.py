"""ForkedCommands: `gatewayops` commands, each in a process of its own that need not import anything first.

A process that has imported what commands need forks for each of them: half a second of a processor less.
The difference to a user's command: what Python does at its start has been done, so a command that takes
long to start is not noticed here (tests/unit/cli and `make bench` would).
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

_PROGRAM = "from gatewayops.testing.forked_commands import serve; serve()"
_COMMANDS = "gatewayops.cli"
_KILLED = 137  # by us: it took too long


class ForkedCommands:
    """Starts the process at the first command, and again in a process that was forked from this one."""

    def __init__(self) -> None:
        """Starts nothing yet."""
        self._turn = Lock()
        self._server: subprocess.Popen[str] | None = None
        self._owner = 0

    def run(self, words: tuple[str, ...], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """A command to its end; raises TimeoutExpired, as subprocess.run does."""
        command = [sys.executable, "-m", "gatewayops", *words]
        with tempfile.TemporaryDirectory(prefix="command") as folder, self._turn:
            printed, complained = Path(folder, "out"), Path(folder, "err")
            asked = {
                "words": words, "out": str(printed), "err": str(complained), "timeout_s": timeout_s,
                "folder": os.getcwd(), "environment": dict(os.environ),  # noqa: TID251 - for the command
            }  # fmt: skip
            code = self._ask(asked)
            out, err = printed.read_text(), complained.read_text()
        if code == _KILLED:
            raise subprocess.TimeoutExpired(command, timeout_s, out, err)
        return subprocess.CompletedProcess(command, code, out, err)

    def _ask(self, asked: dict[str, Any]) -> int:
        server = self._server
        if server is None or self._owner != os.getpid() or server.poll() is not None:
            server = self._server = subprocess.Popen(  # noqa: S603 - our own program; ends with its input
                [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._owner = os.getpid()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())


def serve() -> None:
    """Runs the commands that come as lines of JSON, and writes their exit codes."""
    cli = importlib.import_module(_COMMANDS)
    for found in pkgutil.iter_modules(cli.__path__, f"{_COMMANDS}."):
        importlib.import_module(found.name)
    for name in ("httpx", "rich.console", "rich.table", "gatewayops.settings", "gatewayops.app.layout"):
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork() or _become(asked)
        sys.stdout.write(f"{_ended(child, asked['timeout_s'])}\n")
        sys.stdout.flush()


def _ended(child: int, timeout_s: float) -> int:
    pidfd = os.pidfd_open(child)
    try:
        if not select.select([pidfd], [], [], timeout_s)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return _KILLED
    finally:
        os.close(pidfd)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _become(asked: dict[str, Any]) -> NoReturn:
    """The command; leaves nothing of the server's behind."""
    code: object = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT, 0o600), number)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
        os.chdir(asked["folder"])
        os.environ.clear()  # noqa: TID251 - it is another process
        os.environ.update(asked["environment"])  # noqa: TID251
        sys.argv = ["gatewayops", *asked["words"]]
        importlib.import_module(_COMMANDS).main()
        code = 0
    except SystemExit as end:
        code = 0 if end.code is None else end.code
    except BaseException:  # noqa: BLE001 - as the interpreter shows what nobody caught
        traceback.print_exc()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)
