"""Runs the store role: the engine, the HTTP door, and an orderly end."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from gatewayops.base.errors import InvalidInput
from gatewayops.store.embedded.engine import Engine
from gatewayops.store.embedded.http_door import HttpDoor
from gatewayops.store.embedded.metrics import StoreMetrics
from gatewayops.store.telemetry.settings import TelemetrySettings

_DRAIN_S = 10
_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server that leaves signals to `run`, so that chDB is closed before the process ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def run(
    data_dir: Path,
    *,
    host: str,
    port: int,
    settings: TelemetrySettings,
    password: str,
    metrics_token: str = "",
) -> None:
    """Serves `data_dir` until SIGTERM or SIGINT, answers what it has begun, and ends the process.

    Raises Unavailable when another process holds the folder. Never returns after it has served: chDB's
    own threads can crash in the interpreter's exit handlers, and by then everything is written.
    """
    if not password:
        msg = "telemetry.password: the embedded store does not run without one"
        raise InvalidInput(msg)
    engine = Engine(data_dir, memory_bytes=settings.memory_bytes)
    metrics = StoreMetrics(engine, database=settings.database)
    door = HttpDoor(
        engine, user=settings.user, password=password, metrics=metrics, metrics_token=metrics_token
    )
    config = uvicorn.Config(
        door,
        host=host,
        port=port,
        access_log=False,  # addresses carry SQL
        log_level="warning",
        timeout_keep_alive=120,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    asyncio.run(_serve(_Server(config)))
    engine.close()
    logging.shutdown()
    os._exit(0)


async def _serve(server: uvicorn.Server) -> None:
    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()
