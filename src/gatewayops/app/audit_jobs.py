"""The audit log's jobs in the control role: signing, anchoring, counting what repeats, retention."""

import asyncio
import logging
import time

from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import GatewayOpsError
from gatewayops.record.audit.follower import AuditFollower

_log = logging.getLogger(__name__)

_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 60.0
_PRUNE_EVERY_S = 3_600.0


class AuditJobs:
    """Its owner runs `run` as a task."""

    def __init__(self, parts: ControlParts, follower: AuditFollower) -> None:
        """Does nothing yet. `parts` have a notary, as those of a data directory do."""
        assert parts.notary is not None
        self._notary = parts.notary
        self._follower = follower
        self._pruned_at = 0.0

    async def run(self) -> None:
        """Works until cancelled. An anchor that fails is tried again, less and less often, up to a minute."""
        anchor_in_s, anchored_at = 0.0, 0.0
        while True:
            try:
                await self._follower.sweep()
                await self._notary.sign()
                if time.monotonic() - anchored_at >= anchor_in_s:
                    failed = await self._notary.anchor()
                    anchored_at = time.monotonic()
                    anchor_in_s = min(max(anchor_in_s, _PAUSE_S) * 2, _LONGEST_PAUSE_S) if failed else 0.0
                if not self._pruned_at or time.monotonic() - self._pruned_at >= _PRUNE_EVERY_S:
                    await self._notary.prune()
                    self._pruned_at = time.monotonic()
            except GatewayOpsError as error:
                _log.warning("the audit log's jobs wait: %s", error.detail)
            except Exception:  # noqa: BLE001 - the outermost loop of a task that must come back whatever failed
                _log.exception("the audit log's jobs failed and start again")
            await asyncio.sleep(_PAUSE_S)
