"""Sums up past days of calls once nothing more comes for them, and removes the sums of what is gone."""

import asyncio
import logging
from collections.abc import Callable
from datetime import date

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.store.telemetry import day_sums
from gatewayops.store.telemetry.client import Telemetry

_log = logging.getLogger(__name__)

_EVERY_S = 20.0
_CLEAN_EVERY = 180  # looks


def _today() -> date:
    return clock.now().date()


class DayJobs:
    """One in a control role; two at once do no harm, for the newest build of a day is the one that counts."""

    def __init__(self, telemetry: Telemetry, *, today: Callable[[], date] = _today) -> None:
        """Does nothing before `run`."""
        self._telemetry = telemetry
        self._today = today
        self._seen: dict[str, tuple[int, int]] = {}
        self._looks = 0

    async def run(self) -> None:
        """Looks every twenty seconds until cancelled; what fails is tried again the next time."""
        while True:
            try:
                await self.step()
            except GatewayOpsError as error:
                _log.debug("past days were not summed up: %s", error.detail)
            await asyncio.sleep(_EVERY_S)

    async def step(self) -> int:
        """Builds what is due: past days without sums, unchanged since the look before. How many were.

        Raises Unavailable.
        """
        standing = await self._telemetry.rows(day_sums.standing())
        before, self._seen = self._seen, {row["day"]: (row["spans"], row["newest_block"]) for row in standing}
        today = self._today()
        due = [
            day
            for row in standing
            if not row["build"] and before.get(row["day"]) == self._seen[row["day"]]
            if (day := date.fromisoformat(row["day"])) < today
        ]
        for day in due:
            spans, newest_block = self._seen[day.isoformat()]
            number = int(clock.now().timestamp() * 1e6) * 1_000
            await self._telemetry.change(day_sums.build(day, number))
            await self._telemetry.change(
                [day_sums.remember(day, number, spans=spans, newest_block=newest_block)]
            )
        if self._looks % _CLEAN_EVERY == 0:
            await self._clean([row["build"] for row in standing if row["build"]])
        self._looks += 1
        return len(due)

    async def _clean(self, kept: list[int]) -> None:
        now_ns = int(clock.now().timestamp()) * 10**9
        found = await self._telemetry.rows(day_sums.garbage(), {"kept": kept, "now": now_ns})
        if found:
            await self._telemetry.change(day_sums.remove([row["build"] for row in found]))
