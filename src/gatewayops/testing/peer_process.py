"""PeerProcess: a real MCP server of somebody else, run as a child on a free loopback port.

The journeys and the bench put such peers behind the gateway. What a peer prints goes to a file, and
is shown when it does not start.
"""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 3.0


class PeerFailed(RuntimeError):
    """A peer that could not be fetched, started or run; the message says what to look at."""


def free_port() -> int:
    """A loopback port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    command: Sequence[str], *, port: int, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Runs `command` until the block ends; enters once `port` accepts, and gives the process id.

    `env` replaces the environment as a whole; None inherits it. Raises PeerFailed.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is ours, no shell reads it
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env
        )
    try:
        _await_port(process, port=port, log=log)
        yield process.pid
    finally:
        _stop(process)


def run_bounded(
    command: Sequence[str], *, timeout_s: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """What `command` printed, both streams; PeerFailed with the end of it when it fails or is too slow.

    `env` replaces the environment as a whole; None inherits it.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours, no shell reads it
            command, cwd=cwd, env=env, timeout=timeout_s, check=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        msg = f"{Path(command[0]).name} {command[1]} ended with {error.returncode}:\n{error.stdout[-2000:]}"
        raise PeerFailed(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"{Path(command[0]).name} {command[1]} was still running after {timeout_s:.0f} s"
        raise PeerFailed(msg) from error
    return done.stdout


def _await_port(process: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    give_up_at = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    output = log.read_text(errors="replace")[-2000:]
    msg = f"the peer on port {port} did not start (exit code {process.poll()}):\n{output}"
    raise PeerFailed(msg)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:  # an SDK server waits for its open streams
        process.kill()
        process.wait()
