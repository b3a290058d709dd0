"""The jobs of alerts in the control role: looking at rules, sending messages, forgetting what is old."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from gatewayops.alerts.channels import Post
from gatewayops.alerts.defaults import give_defaults
from gatewayops.alerts.evaluation import Evaluator
from gatewayops.alerts.outbox import Outbox
from gatewayops.alerts.reading import FigureReader
from gatewayops.alerts.settings import AlertSettings
from gatewayops.api.parts import ControlParts
from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.store.control import alert_incidents

_log = logging.getLogger(__name__)

_PAUSE_S = 1.0
_SENDERS = 2  # one may wait for a receiver that hangs
_RETRY_S = 5.0
_KEEP_EVERY_S = 60.0


class AlertJobs:
    """Its owner runs `run` as a task."""

    def __init__(self, parts: ControlParts, settings: AlertSettings) -> None:
        """Does nothing yet."""
        self._database = parts.database
        self._settings = settings
        reader = FigureReader(parts.telemetry, parts.database)
        self._evaluator = Evaluator(parts.database, reader, every_s=settings.evaluate_every_s)
        self._outbox = Outbox(parts.database, parts.credentials, Post(settings), settings)
        self._kept_at = 0.0

    async def run(self) -> None:
        """Works until cancelled. A receiver that is slow keeps no rule from being looked at."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_again_and_again(self._look), name="alert rules")
            for _ in range(_SENDERS):
                group.create_task(_again_and_again(self._outbox.send_due), name="alert outbox")

    async def _look(self) -> int:
        if not self._kept_at or time.monotonic() - self._kept_at >= _KEEP_EVERY_S:
            await give_defaults(self._database)
            before = clock.now() - timedelta(days=self._settings.keep_days)
            async with self._database.session() as session:
                await alert_incidents.prune(session, before=before)
            self._kept_at = time.monotonic()
        return await self._evaluator.look()


async def _again_and_again(work: Callable[[], Awaitable[int]]) -> None:
    while True:
        try:
            await work()
        except GatewayOpsError as error:
            _log.warning("the jobs of alerts wait: %s", error.detail)
            await asyncio.sleep(_RETRY_S)
        except Exception:  # noqa: BLE001 - the outermost loop of a task that must come back whatever failed
            _log.exception("the jobs of alerts failed and start again")
            await asyncio.sleep(_RETRY_S)
        await asyncio.sleep(_PAUSE_S)
