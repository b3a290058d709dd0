"""OneProcess: control and one gateway worker as threads of this process, on ports of their own.

For tests of sign-in that must replace what the network or the clock says while everything else stays real:
HTTP, SQLite, keys, both roles. It records calls into its spool, and nothing reads that.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn

from gatewayops.api.app import create_app
from gatewayops.api.parts import ControlParts
from gatewayops.app.layout import DataDirectory
from gatewayops.app.local_door import with_local_administrator
from gatewayops.app.parts import open_parts
from gatewayops.app.stores import open_telemetry
from gatewayops.app.upstream_jobs import UpstreamJobs
from gatewayops.gateway import role
from gatewayops.policy.governance import GovernanceSettings
from gatewayops.settings import Settings, load
from gatewayops.testing.peer_process import PeerFailed, free_port
from gatewayops.web import pages

T = TypeVar("T")

_START_S = 30.0
_NO_STORE = "127.0.0.1:9"


class OneProcess:
    """One installation. `admin` asks its API as the person at the machine."""

    def __init__(self, data: Path) -> None:
        """Starts nothing yet."""
        port, control_port = free_port(), free_port()
        control = {"port": control_port, "otlp_grpc": "", "otlp_http": ""}
        self.settings: Settings = load(
            {"data_dir": str(data), "gateway": {"port": port}, "control": control}, environ={}
        )
        self.data = data
        self.url = f"http://127.0.0.1:{port}"
        self.control_url = f"http://127.0.0.1:{control_port}"
        self.parts: ControlParts
        self._servers: list[uvicorn.Server] = []
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        """Enters when calls are taken. Raises PeerFailed."""
        self._run(self._control)
        self._wait_for(f"{self.control_url}/v1/openapi.json")
        self._run(self._gateway)
        self._wait_for(f"{self.url}/v1/ready")

    @property
    def admin(self) -> httpx.Client:
        """A client with the administrator's bearer; the caller closes it."""
        headers = {"Authorization": f"Bearer {self.parts.local_admin_token}"}
        return httpx.Client(base_url=self.control_url, headers=headers, timeout=30)

    def run_upstream_jobs(self) -> None:
        """What the control role does every two seconds, once, now."""
        self.run(UpstreamJobs(self.parts).step())

    def run(self, work: Coroutine[None, None, T]) -> T:
        """Does something where the control role runs, and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    def sql(self, statement: str, **values: object) -> list[Any]:
        """Past REST, as somebody with the database could; gateways learn of it."""
        return self.run(self._sql(statement, values))

    async def _sql(self, statement: str, values: dict[str, object]) -> list[Any]:
        async with self.parts.database.session() as session:
            connection = await session.connection()
            done = await connection.exec_driver_sql(statement, values)
            found = [tuple(row) for row in done.all()] if done.returns_rows else []
            await connection.exec_driver_sql("UPDATE revision SET value = value + 1")
            return found

    def close(self) -> None:
        """Stops both."""
        for server in self._servers:
            server.should_exit = True
        for thread in self._threads:
            thread.join(_START_S)

    def _run(self, part: Callable[[], Coroutine[None, None, None]]) -> None:
        thread = threading.Thread(target=lambda: asyncio.run(part()), daemon=True)
        self._threads.append(thread)
        thread.start()

    async def _control(self) -> None:
        settings = self.settings
        async with (
            open_telemetry(settings, store_address=_NO_STORE) as telemetry,
            open_parts(settings, telemetry) as parts,
        ):
            self.parts = with_local_administrator(parts)
            self._loop = asyncio.get_running_loop()
            config = uvicorn.Config(
                pages.with_pages(create_app(self.parts)), host="127.0.0.1", port=settings.control.port,
                access_log=False, log_config=None, timeout_graceful_shutdown=1,
            )  # fmt: skip
            self._servers.append(uvicorn.Server(config))
            await self._servers[-1].serve()

    async def _gateway(self) -> None:
        settings = self.settings
        data = DataDirectory(settings.data).prepare()
        governance = GovernanceSettings(settings.limits, settings.budgets, settings.validation, "")
        worker = role.Gateway(
            role.GatewayParts(
                settings=settings.gateway,
                upstream=settings.upstream,
                record=settings.record,
                governance=governance,
                data=data.root,
                control_url=self.control_url,
                internal_token=data.internal_token(),
                secrets=settings.secrets,
            )
        )
        self._servers.append(worker._server)  # noqa: SLF001 - the way to stop it from another thread
        await worker.serve()

    def _wait_for(self, url: str) -> None:
        give_up_at = time.monotonic() + _START_S
        while time.monotonic() < give_up_at and self._threads[-1].is_alive():
            try:
                if httpx.get(url, timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        msg = f"{url} does not answer"
        raise PeerFailed(msg)
