"""The control role: the API on uvicorn, and beside it the recorder."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn

from gatewayops.api.app import create_app
from gatewayops.api.otlp_taking import OnlyExports
from gatewayops.api.parts import ControlParts
from gatewayops.api.settings import ControlSettings
from gatewayops.app import demo, first_link, otlp_jobs, otlp_listeners
from gatewayops.app.alert_jobs import AlertJobs
from gatewayops.app.audit_jobs import AuditJobs
from gatewayops.app.day_jobs import DayJobs
from gatewayops.app.exports import Exports
from gatewayops.app.layout import DataDirectory
from gatewayops.app.local_door import as_administrator, listening, with_local_administrator
from gatewayops.app.oauth_jobs import OAuthJobs
from gatewayops.app.parts import administrator, open_parts
from gatewayops.app.record_metrics import RecordMetrics
from gatewayops.app.stores import open_telemetry
from gatewayops.app.tool_watch import ToolWatch
from gatewayops.app.upstream_jobs import UpstreamJobs
from gatewayops.cost.budgets.bookkeeper import Bookkeeper
from gatewayops.record.audit.follower import AuditFollower
from gatewayops.record.consumers import Follower, Lingering
from gatewayops.record.destination import Calls, R
from gatewayops.record.recorder import Passing, Recorder
from gatewayops.settings import Settings
from gatewayops.upstream.settings import CONTROL_IDLE_S
from gatewayops.web import pages

_DRAIN_S = 5
_RETRY_S = 1.0

_log = logging.getLogger(__name__)

_COLLECTIONS = (20_000, 20, 20)  # a page makes thousands of objects, which go without the collector


class _Server(uvicorn.Server):
    """Leaves signals to us, so that the recorder ends in order after the last answer."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def run(settings: Settings, *, store_address: str, demo_url: str, has_first_link: bool) -> None:
    """Serves until SIGTERM or SIGINT; `demo_url`, when given, is registered as the server `demo`."""
    running = _run(settings, store_address=store_address, demo_url=demo_url, has_first_link=has_first_link)
    asyncio.run(running)


async def _run(settings: Settings, *, store_address: str, demo_url: str, has_first_link: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with (
        open_telemetry(settings, store_address=store_address) as telemetry,
        open_parts(settings, telemetry) as parts,
    ):
        data = DataDirectory(settings.data)
        if demo_url:
            async with administrator(parts) as client:
                await demo.register(client, data, url=demo_url)
        if has_first_link:
            await first_link.ensure(parts.database, data)
        auditor = AuditFollower(parts.database, settings.audit)
        max_bytes = settings.record.export_bytes
        exports = Exports(parts.database, parts.credentials, data.exports, max_bytes=max_bytes)
        followers = [Follower(data.spool, one) for one in (Bookkeeper(parts.database), auditor, exports)]
        consumers: tuple[Passing, ...] = (*followers, Lingering(data.spool))
        recorder = Recorder(data.spool, data.state, Calls(telemetry), settings.record, consumers=consumers)
        intakes = {f"otlp_{one.root.name}": one for one in otlp_jobs.recorders(settings, telemetry)}
        tasks = [
            *(asyncio.create_task(_keep_following(one), name=one.name) for one in followers),
            *(asyncio.create_task(_keep_recording(one)) for one in (recorder, *intakes.values())),
            asyncio.create_task(ToolWatch(parts, settings.pins).run(), name="tool watch"),
            asyncio.create_task(AuditJobs(parts, auditor).run(), name="audit jobs"),
            asyncio.create_task(OAuthJobs(parts).run(), name="oauth jobs"),
            asyncio.create_task(UpstreamJobs(parts).run(), name="upstream jobs"),
            asyncio.create_task(DayJobs(telemetry).run(), name="day jobs"),
            asyncio.create_task(AlertJobs(parts, settings.alerts).run(), name="alert jobs"),
            asyncio.create_task(exports.run(), name="exports"),
        ]
        try:
            with (
                listening(data.control_socket) as local,
                otlp_jobs.with_intake(with_local_administrator(parts), settings) as serving,
            ):
                shown = RecordMetrics(data.spool, followers, {"calls": recorder} | intakes)
                await _serve(serving, stopping, local=local, shown=shown)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    parts: ControlParts,
    stopping: asyncio.Event,
    *,
    local: socket.socket | None,
    shown: RecordMetrics,
) -> None:
    app = pages.with_pages(create_app(parts))
    app.state.metrics.add(shown.collect)
    servers = [_server(app, parts.settings)]
    gc.freeze()  # what is built now lives as long as the process: collections need not look at it
    gc.set_threshold(*_COLLECTIONS)
    serving = [asyncio.create_task(servers[0].serve(), name="api")]
    if local is not None:
        servers.append(_server(as_administrator(app, parts), parts.settings, lifespan="off"))
        serving.append(asyncio.create_task(servers[1].serve(sockets=[local]), name="local api"))
    exporters = otlp_listeners.http_socket(parts.settings.otlp_http)
    if exporters is not None:
        servers.append(_server(OnlyExports(app), parts.settings, lifespan="off"))
        serving.append(asyncio.create_task(servers[-1].serve(sockets=[exporters]), name="OTLP over HTTP"))
    grpc = asyncio.create_task(
        otlp_listeners.serve_grpc(app, parts.settings.otlp_grpc, is_ready=lambda: servers[0].started)
    )
    asked = asyncio.create_task(stopping.wait(), name="stopping")
    await asyncio.wait([*serving, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    app.state.watch.stop_waiting()  # gateways that wait for news would hold up the stop
    for server in servers:
        server.should_exit = True
    grpc.cancel()
    await asyncio.gather(grpc, return_exceptions=True)
    await asyncio.gather(*serving)


def _server(app: Any, settings: ControlSettings, *, lifespan: Literal["auto", "off"] = "auto") -> _Server:  # noqa: ANN401 - ASGI
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=int(2 * CONTROL_IDLE_S),
        timeout_graceful_shutdown=_DRAIN_S,
        lifespan=lifespan,
    )
    return _Server(config)


async def _keep_following(follower: Follower) -> None:
    while True:
        try:
            await follower.run()
        except Exception:  # noqa: BLE001 - calls wait in the spool; it must come back whatever failed
            _log.exception("the %s failed and starts again", follower.name)
        await asyncio.sleep(_RETRY_S)


async def _keep_recording(recorder: Recorder[R]) -> None:
    while True:
        try:
            await recorder.run()
        except Exception:  # noqa: BLE001 - calls wait in the spool; the recorder must come back whatever failed
            _log.exception("the recorder failed and starts again")
        await asyncio.sleep(_RETRY_S)
