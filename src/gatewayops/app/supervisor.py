"""`up`: one gateway, one control and one store on this machine, each restarted when it dies.

The supervisor opens no database and serves nothing. It gives the roles free loopback ports, hands
them the settings through the environment, tells in `run/up.json` where they are, and stops them in
the order in which calls flow: gateway, demo, control, store.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewayops.app import demo_key
from gatewayops.app.address import local_url
from gatewayops.app.child import Child
from gatewayops.app.layout import DataDirectory, free_port, is_port_free
from gatewayops.app.readiness import is_answering
from gatewayops.app.reload import changes
from gatewayops.app.run_lock import AlreadyHeld, RunLock
from gatewayops.base.errors import Conflict, InvalidInput
from gatewayops.settings import Settings, child_environment

_ASK_S = 0.05
_PATIENCE_S = 15.0
_STOP_S = 15.0  # of control and store; the gateway has its own setting
_DEMO_STOP_S = 2.0
_COMMANDS = {"demo": "demo-server"}  # of children whose command has another name
_PACKAGE = Path(__file__).parent.parent

_log = logging.getLogger(__name__)


class CannotStart(Conflict):
    """The port or the data directory is in use; the detail says by whom and what to do."""


@dataclass(frozen=True)
class Addresses:
    """Where the roles listen; an empty `store` or `demo` means that there is none."""

    gateway: str
    control: str
    store: str
    demo: str


class Supervisor:
    """Runs the roles until a signal or `stop`."""

    def __init__(
        self, settings: Settings, *, has_demo: bool, reloads: bool, say: Callable[[str], None],
        on_ready: Callable[["Supervisor"], None],
    ) -> None:  # fmt: skip
        """`say` gets log lines, `on_ready` is called once calls are served."""
        self.settings = settings
        self.data = DataDirectory(settings.data).prepare()
        self._has_demo = has_demo
        self._reloads = reloads
        self._say = say
        self._on_ready = on_ready
        self._lock = RunLock(self.data.run, "up")
        self._stopping = asyncio.Event()
        self._children: dict[str, Child] = {}
        self.addresses = Addresses("", "", "", "")

    async def run(self) -> None:
        """Raises CannotStart, or ChildRefused when a role finds the settings wrong."""
        self._take_lock()
        try:
            self._check_port()
            self.addresses = self._choose_addresses()
            self._children = self._make_children()
            await self._run_children()
        finally:
            self._lock.forget()
            self._lock.close()

    def stop(self) -> None:
        """Begins to drain; asked again, it waits no longer."""
        if self._stopping.is_set():
            for child in self._children.values():
                child.kill()
        self._stopping.set()

    def _take_lock(self) -> None:
        try:
            self._lock.take()
        except AlreadyHeld as error:
            holder = self._lock.told()
            who = (
                f"process {holder.get('pid')}, at {holder.get('gateway_url')}"
                if holder
                else "another process"
            )
            msg = f"GatewayOps already runs on {self.data.root} ({who}); stop it, or give another --data"
            raise CannotStart(msg) from error

    def _check_port(self) -> None:
        gateway = self.settings.gateway
        try:
            is_free = is_port_free(gateway.host, gateway.port)
        except OSError as error:
            msg = f"cannot listen on {gateway.host}: {error.strerror}; choose another with --host"
            raise InvalidInput(msg) from error
        if not is_free:
            msg = f"port {gateway.port} is taken on {gateway.host}; choose another with --port"
            raise CannotStart(msg)

    def _choose_addresses(self) -> Addresses:
        is_embedded = not self.settings.telemetry.url
        return Addresses(
            gateway=local_url(self.settings),
            control=f"http://127.0.0.1:{free_port()}",
            store=f"http://127.0.0.1:{free_port()}" if is_embedded else "",
            demo=f"http://127.0.0.1:{demo_key.port(self.data)}/mcp" if self._has_demo else "",
        )

    def _make_children(self) -> dict[str, Child]:
        at = self.addresses
        control = ["--port", _port(at.control), "--store-address", at.store.removeprefix("http://")]
        control += ["--first-link"]
        if at.demo:
            control += ["--demo-url", at.demo]
        commands = {"gateway": [], "control": control}
        if at.demo:
            commands["demo"] = ["--port", _port(at.demo), "--files", str(self.data.demo_files)]
        if at.store:
            commands["store"] = ["--port", _port(at.store)]
        stop_s = {"gateway": self.settings.gateway.drain_s + 3.0, "demo": _DEMO_STOP_S}
        return {
            name: self._child(name, options, stop_s=stop_s.get(name, _STOP_S))
            for name, options in commands.items()
        }

    def _child(self, name: str, options: list[str], *, stop_s: float) -> Child:
        return Child(
            name,
            [sys.executable, "-m", "gatewayops", _COMMANDS.get(name, name), "--lifeline", *options],
            child_environment(self.settings, control_address=self.addresses.control.removeprefix("http://")),
            stop_s=stop_s,
            say=lambda line: self._say(f"{name:>7} | {line}"),
            on_change=self._tell,
        )

    async def _run_children(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        running = [asyncio.create_task(child.run(), name=name) for name, child in self._children.items()]
        beside = [asyncio.create_task(self._announce(), name="announce")]
        if self._reloads:
            beside.append(asyncio.create_task(self._reload(), name="reload"))
        stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
        await asyncio.wait([*running, *beside[1:], stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in (*beside, stopping):
            task.cancel()
        await asyncio.gather(*beside, stopping, return_exceptions=True)
        self._stopping.set()
        for child in self._children.values():
            await child.stop()
        await asyncio.gather(*running)

    def _tell(self) -> None:
        at = self.addresses
        pids = {name: child.pid for name, child in self._children.items() if child.pid is not None}
        about: dict[str, Any] = {
            "pid": os.getpid(), "gateway_url": at.gateway, "control_url": at.control, "store_url": at.store,
            "demo_url": at.demo, "pids": pids,
        }  # fmt: skip
        self._lock.tell(about)
        self._tell_prometheus()

    def _tell_prometheus(self) -> None:
        """run/prometheus.json: where /metrics is, for Prometheus's `file_sd_configs`."""
        roles = {"gateway": self.addresses.gateway, "control": self.addresses.control}
        if self.addresses.store:
            roles["store"] = self.addresses.store
        groups = [
            {"targets": [url.removeprefix("http://")], "labels": {"role": role}}
            for role, url in roles.items()
        ]
        draft = self.data.run / "prometheus.new"
        draft.write_text(json.dumps(groups, indent=2) + "\n")
        draft.replace(self.data.run / "prometheus.json")

    async def _announce(self) -> None:
        """Waits until calls are served, and says so; says what it waits for when that takes long."""
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + _PATIENCE_S
        while waiting_for := await self._waiting_for():
            if loop.time() > patient_until:
                self._say(f"     up | still waiting for {waiting_for}")
                patient_until = loop.time() + _PATIENCE_S
            await asyncio.sleep(_ASK_S)
        self._on_ready(self)

    async def _waiting_for(self) -> str:
        if not await is_answering(self.addresses.gateway, "/v1/ready"):
            return "the gateway"
        if not await is_answering(self.addresses.control, "/static/icon.svg"):
            return "the control role"
        if self.addresses.store and not await is_answering(self.addresses.store, "/ping"):
            return "the store role"
        if self.addresses.demo and not demo_key.is_served(self.data, self.addresses.demo):
            return "the demo server"
        return ""

    async def _reload(self) -> None:
        async for path in changes(_PACKAGE):
            self._say(f"     up | {path.relative_to(_PACKAGE)} changed: restarting")
            await asyncio.gather(*(child.restart() for child in self._children.values()))


def _port(url: str) -> str:
    return url.removesuffix("/mcp").rpartition(":")[2]
