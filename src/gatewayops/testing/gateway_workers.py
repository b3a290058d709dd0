"""GatewayWorkers: `gatewayops gateway --workers N` beside an installation, with a Valkey between."""

import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from gatewayops.testing.installation import Installation
from gatewayops.testing.peer_process import PeerFailed, free_port

_START_S = 60.0
_STOP_S = 30.0
_ASK_S = 0.1
_ASKED = 24  # over new connections: all to one worker of two happens once in eight million


@contextlib.contextmanager
def gateway_workers(installation: Installation, *, count: int, valkey_port: int, log: Path) -> Iterator[str]:
    """Runs the workers until the block ends; gives their address. Raises PeerFailed, also for a bad end."""
    port = free_port()
    control = installation.told["control_url"].rpartition(":")[2]
    environment = [
        f"GATEWAYOPS_CONTROL__PORT={control}",
        f"GATEWAYOPS_REDIS_URL=redis://127.0.0.1:{valkey_port}/0",
    ]
    command = [sys.executable, "-m", "gatewayops", "gateway", "--workers", str(count), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            ["/usr/bin/env", *environment, *command, "--data", str(installation.data)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        _await_ready(process, count=count, port=port, log=log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        code = process.wait(_STOP_S)
    if code:
        msg = f"the workers ended with {code}:\n{log.read_text(errors='replace')[-4000:]}"
        raise PeerFailed(msg)


def _await_ready(process: subprocess.Popen[bytes], *, count: int, port: int, log: Path) -> None:
    give_up_at = time.monotonic() + _START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        if len(_children(process.pid)) == count and all(_is_ready(port) for _ in range(_ASKED)):
            return
        time.sleep(_ASK_S)
    msg = f"{count} workers did not get ready:\n{log.read_text(errors='replace')[-4000:]}"
    raise PeerFailed(msg)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
