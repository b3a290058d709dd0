"""The telemetry store for a command on a data directory: the one that runs, or one for this command only."""

import asyncio
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayops.app.layout import STORE_PORT, DataDirectory, free_port
from gatewayops.app.run_lock import RunLock
from gatewayops.cli.root import Refusal
from gatewayops.settings import Settings, child_environment

if TYPE_CHECKING:
    from gatewayops.store.telemetry.client import Telemetry

_START_S = 45.0  # another command's store may have to end first
_STOP_S = 15.0
_DRAIN_S = 60.0
_ASK_S = 0.05


@dataclass(frozen=True)
class LocalStore:
    """Where the embedded store listens; meaningless when the settings name a store elsewhere."""

    address: str
    is_temporary: bool = False


@contextmanager
def store_for(settings: Settings, *, is_needed: bool) -> Iterator[LocalStore]:
    """The running store's address, or a store that ends with the command. Raises Refusal."""
    data = DataDirectory(settings.data).prepare()
    running = _running(data)
    if running or not is_needed or settings.telemetry.url:
        yield LocalStore(running or f"127.0.0.1:{STORE_PORT}")
        return
    with _temporary(settings) as address:
        yield LocalStore(address, is_temporary=True)


async def drain(settings: Settings, telemetry: "Telemetry") -> None:
    """Stores what gateways have spooled, so that the command sees it; a running recorder keeps its work.

    Segments stay for the control role, whose other readers may not have passed them.
    """
    from gatewayops.record.consumers import Keeping
    from gatewayops.record.destination import Calls
    from gatewayops.record.recorder import Recorder

    data = DataDirectory(settings.data)
    recorder = Recorder(data.spool, data.state, Calls(telemetry), settings.record, consumers=(Keeping(),))
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            await recorder.drain()
            await _drain_ledger(settings)


async def _drain_ledger(settings: Settings) -> None:
    from gatewayops.cost.budgets.bookkeeper import Bookkeeper
    from gatewayops.record.consumers import Follower
    from gatewayops.store.control.database import Database, migrate

    await migrate(settings.control_url)
    database = Database.open(settings.control_url)
    try:
        await Follower(DataDirectory(settings.data).spool, Bookkeeper(database)).drain()
    finally:
        await database.close()


def _running(data: DataDirectory) -> str:
    lock = RunLock(data.run, "store")
    try:
        holder = lock.holder()
    finally:
        lock.close()
    return str(holder.get("address", "")) if holder else ""


@contextmanager
def _temporary(settings: Settings) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "gatewayops", "store", "--temporary", "--lifeline", "--port", str(port)]
    control = settings.control
    environment = child_environment(settings, control_address=f"{control.host}:{control.port}")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
        try:
            if not _is_up(process, port):
                log.seek(0)
                said = log.read().decode(errors="replace").strip().rpartition("\n")[2]
                msg = f"the telemetry store of {settings.data} does not start: {said or 'it says nothing'}"
                raise Refusal(msg)
            yield f"127.0.0.1:{port}"
        finally:
            _stop(process)


def _is_up(process: subprocess.Popen[bytes], port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    give_up_at = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < give_up_at:
        with suppress(OSError), opener.open(f"http://127.0.0.1:{port}/ping", timeout=1.0):
            return True
        time.sleep(_ASK_S)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
