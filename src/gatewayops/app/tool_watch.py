"""The tool watch: the control role's task that asks every server for its tools, again and again.

A server that was added or changed is asked within seconds, the others in turn; a few at a time.
"""

import asyncio
import logging

from gatewayops.api.parts import ControlParts
from gatewayops.api.tool_survey import survey
from gatewayops.base.errors import GatewayOpsError
from gatewayops.policy.pins.settings import PinSettings
from gatewayops.store.control import pin_schedule

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0
_RETRY_S = 10.0
_AT_ONCE = 8


class ToolWatch:
    """Its owner runs `run` as a task."""

    def __init__(self, parts: ControlParts, settings: PinSettings) -> None:
        """Asks nothing yet."""
        self._parts = parts
        self._settings = settings

    async def run(self) -> None:
        """Asks what is due until cancelled."""
        while True:
            try:
                is_behind = await self.ask_due()
            except Exception:  # noqa: BLE001 - the outermost loop of a task that must outlive the database
                _log.warning("the control store does not say whose tools to ask for", exc_info=True)
                await asyncio.sleep(_RETRY_S)
                continue
            await asyncio.sleep(0 if is_behind else _LOOK_EVERY_S)

    async def ask_due(self) -> bool:
        """Asks those whose turn it is, a few at once; says whether others may be due as well."""
        every_s = self._settings.check_every_s
        async with self._parts.database.reading() as session:
            if not await pin_schedule.is_any_due(session):
                return False
        async with self._parts.database.session() as session:
            due = await pin_schedule.claim(session, every_s=every_s, limit=_AT_ONCE)
        await asyncio.gather(*(self._ask(org_id, server_id) for org_id, server_id in due))
        return len(due) == _AT_ONCE

    async def _ask(self, org_id: str, server_id: str) -> None:
        try:
            await survey(self._parts, org_id=org_id, server_id=server_id)
        except GatewayOpsError as error:  # kept beside the server's tools, for whoever looks
            _log.info("the tools of server %s are not known: %s", server_id, error.detail)
        except Exception:  # noqa: BLE001 - one odd server must not keep the others from being asked
            _log.exception("the tools of server %s could not be taken in", server_id)
