"""Runs one gateway worker: builds the door and what stands behind it, serves until told to stop, drains."""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from gatewayops.base.crypto import Sealer, secret_file
from gatewayops.gateway.account_reports import AccountReports
from gatewayops.gateway.answer_batch import AnswerBatch
from gatewayops.gateway.call_log import CallLog
from gatewayops.gateway.door import Door
from gatewayops.gateway.feed import Feed
from gatewayops.gateway.flights import Flights
from gatewayops.gateway.forward import Forwarder
from gatewayops.gateway.governing import Control, Governing
from gatewayops.gateway.head import Heads
from gatewayops.gateway.health_reports import HealthReports
from gatewayops.gateway.hosts import HostCheck
from gatewayops.gateway.identity_header import IdentityHeader
from gatewayops.gateway.live import Live
from gatewayops.gateway.mcp_door import McpDoor
from gatewayops.gateway.metrics import Metrics, in_flight, standing
from gatewayops.gateway.pipeline import Pipeline
from gatewayops.gateway.rest_door import RestDoor
from gatewayops.gateway.server_metrics import resilience
from gatewayops.gateway.sessions import Sessions
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.gateway.short_way import ShortWay
from gatewayops.gateway.siblings import Siblings
from gatewayops.gateway.visitors import Visitors
from gatewayops.gateway.wire import BoundedHttp, close_slow
from gatewayops.identity.authenticator import Authenticator
from gatewayops.identity.oauth.access_tokens import AccessTokens
from gatewayops.policy.governance import GovernanceSettings
from gatewayops.protocol.forwarded import TrustedProxies
from gatewayops.record.settings import RecordSettings
from gatewayops.record.spool import SpoolBroken, SpoolWriter
from gatewayops.store.oauth_addresses import Site
from gatewayops.store.secrets.opening import open_keyring
from gatewayops.store.secrets.settings import SecretsSettings
from gatewayops.upstream.mcp_client import McpClient
from gatewayops.upstream.pool import Origin, Pool
from gatewayops.upstream.registry import Registry
from gatewayops.upstream.settings import CONTROL_IDLE_S, UpstreamSettings

log = logging.getLogger(__name__)

_SWEEP_S = 0.5
_RECORD_S = 1.0
_LOCAL = SecretsSettings()


@dataclass(frozen=True)
class GatewayParts:
    """What a gateway worker is built from: `control_url` leads to control, `worker` is its number."""

    settings: GatewaySettings
    upstream: UpstreamSettings
    record: RecordSettings
    governance: GovernanceSettings
    data: Path
    control_url: str
    internal_token: str
    secrets: SecretsSettings = _LOCAL
    worker: int = 1
    oauth_domain: str = ""
    proxies: TrustedProxies = field(default_factory=TrustedProxies)


class Gateway:
    """One worker: its door, its tasks, its server."""

    def __init__(self, parts: GatewayParts) -> None:
        """Builds everything; nothing runs yet."""
        settings = parts.settings
        sealer = Sealer(secret_file(parts.data / "secrets" / "seal.key"))
        keyring = open_keyring(parts.secrets, parts.data / "secrets")
        self._servers = Registry(parts.upstream, keyring, public_url=settings.clients_url)
        self._spool = SpoolWriter(parts.data / "spool", segment_bytes=parts.record.segment_bytes)
        metrics = Metrics(
            tool_labels=settings.tool_labels,
            gauges=lambda: [
                in_flight((server.name, server.in_flight) for server in self._servers.all()),
                *resilience(self._servers.all()),
                *standing(revision=live.snapshot.revision, is_recording=self._calls.is_healthy),
            ],
        )
        calls = CallLog(self._spool, metrics, body_limit_bytes=parts.record.body_limit_bytes)
        self._flights = Flights()
        to_control = msgspec.structs.replace(parts.upstream, idle_s=CONTROL_IDLE_S)
        self._control = Pool(
            Origin.of(parts.control_url), to_control, connect_timeout_s=1.0, allows_private=True
        )
        self._internal = control = Control(self._control, parts.internal_token)
        self._health = HealthReports(self._servers, self._control, internal_token=parts.internal_token)
        self._governing = Governing(parts.governance, keyring, control, parts.data)
        authenticator = Authenticator(cache_s=settings.key_cache_s)
        live = Live(authenticator, _visitors(parts), self._servers, calls, self._governing.governance)
        self._feed = Feed(
            live,
            self._control,
            keyring,
            internal_token=parts.internal_token,
            copy=parts.data / "snapshot.msgpack",
        )
        identity = _identity(parts)
        pipeline = Pipeline(live, self._flights, calls, settings)
        hosts = HostCheck(settings, domain=parts.oauth_domain)
        mcp_door = McpDoor(pipeline, Sessions(sealer), settings, parts.upstream, identity)
        self._siblings = Siblings(
            metrics.render,
            folder=parts.data / "run",
            port=settings.port,
            number=parts.worker,
            count=settings.workers,
        )
        self.door = Door(live, calls, self._siblings, hosts, identity, metrics_token=settings.metrics_token)
        self.door.open_to(
            mcp_door,
            RestDoor(pipeline, McpClient(max_answer_bytes=parts.upstream.max_answer_bytes), identity),
            _forwarder(parts, self._control, self._flights, live),
            ShortWay(mcp_door, pipeline, self._flights),
        )
        self._heads = Heads(hosts)
        self._calls = calls
        self._settings = settings
        self._server = _Server(self._uvicorn(), on_drain=self._drain, on_cut=self._flights.end_all)

    def _uvicorn(self) -> uvicorn.Config:
        return uvicorn.Config(
            self.door,
            interface="asgi3",
            http=self._new_connection,  # type: ignore[arg-type]  # uvicorn only calls it
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=int(self._settings.drain_s) or 1,
        )

    def _new_connection(self, *args: Any, **kwargs: Any) -> BoundedHttp:  # noqa: ANN401 - uvicorn's own
        return BoundedHttp(
            *args, answers=self._answers, heads=self._heads, short_way=self.door.short_way, **kwargs
        )

    async def serve(self) -> None:
        """Serves until SIGTERM or SIGINT, then drains for at most `drain_s`."""
        self._feed.start_from_copy()
        await self._governing.load()
        self._answers = AnswerBatch(asyncio.get_running_loop(), self._calls)
        reports = AccountReports(self._servers.accounts, self._internal)
        tasks = [
            asyncio.create_task(self._feed.run(), name="feed"),
            asyncio.create_task(self._flights.run(), name="flights"),
            asyncio.create_task(self._sweep(), name="sweep"),
            asyncio.create_task(self._health.run(), name="health"),
            asyncio.create_task(reports.run(), name="account reports"),
        ]
        tasks += [asyncio.create_task(task, name=name) for name, task in self._governing.tasks().items()]
        for task in tasks:
            task.add_done_callback(self._stop_without)
        gc.freeze()  # what is built now lives as long as the process: collections need not look at it
        try:
            async with self._siblings.answering():
                await self._server.serve(sockets=[_listen(self._settings)])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._governing.close()
            self._control.close()
            self._servers.replace(())
            with suppress(SpoolBroken):
                self._calls.commit()
            self._spool.close()

    def _stop_without(self, task: asyncio.Task[None]) -> None:
        """A worker must not go on half alive: it ends, and the supervisor starts another."""
        if not task.cancelled() and task.exception() is not None:
            log.critical("the task %s failed", task.get_name(), exc_info=task.exception())
            self._server.should_exit = True

    def _drain(self) -> None:
        self.door.is_draining = True
        self._flights.end_streams()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            close_slow(self._server.server_state.connections, body_timeout_s=self._settings.body_timeout_s)
            for pool in (self._control, *(server.pool for server in self._servers.all())):
                pool.close_idle(loop.time())
            self._governing.sweep()
            self._flights.end_refused()
            await self._feed.try_keys_again()


def _identity(parts: GatewayParts) -> IdentityHeader | None:
    if not parts.settings.tells_identity:
        return None
    seed = secret_file(parts.data / "secrets" / "identity.key")
    return IdentityHeader(seed, issuer=parts.settings.clients_url)


def _visitors(parts: GatewayParts) -> Visitors:
    site = Site(parts.settings.clients_url, parts.oauth_domain)
    tokens = AccessTokens(site)
    seal_key = secret_file(parts.data / "secrets" / "seal.key")
    return Visitors(tokens, site, address_key=seal_key, proxies=parts.proxies)


def _forwarder(parts: GatewayParts, control: Pool, flights: Flights, live: Live) -> Forwarder:
    return Forwarder(
        control,
        flights,
        live,
        max_body_bytes=parts.settings.max_body_bytes,
        otlp_body_bytes=parts.record.otlp_body_bytes,
        proxies=parts.proxies,
    )


class _Server(uvicorn.Server):
    """Tells the gateway when draining begins, so that streams end, and when the time for it is over."""

    def __init__(
        self, config: uvicorn.Config, *, on_drain: Callable[[], None], on_cut: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_drain = on_drain
        self._on_cut = on_cut

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_drain()
        await super().shutdown(sockets)
        self._on_cut()
        if self.server_state.tasks:  # cut off just now; each still writes its record
            await asyncio.wait(list(self.server_state.tasks), timeout=_RECORD_S)


def _listen(settings: GatewaySettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.workers > 1:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    listener.setblocking(False)
    return listener


def run(parts: GatewayParts) -> None:
    """Runs a worker in this process until it is told to stop. Raises OSError when the port is taken."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(Gateway(parts).serve())


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
