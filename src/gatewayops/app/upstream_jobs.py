"""Renews the tokens of users' own accounts at MCP servers ahead of their end."""

import asyncio
import logging

from gatewayops.api import account_tokens
from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import GatewayOpsError
from gatewayops.store.control import upstream_accounts
from gatewayops.store.control.upstream_accounts import UpstreamAccount

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0
_RETRY_S = 10.0
_AT_ONCE = 8


class UpstreamJobs:
    """One in a control role; of several, each renews what the others did not claim."""

    def __init__(self, parts: ControlParts) -> None:
        """Does nothing before `run`."""
        self._parts = parts

    async def run(self) -> None:
        """Looks every two seconds until cancelled."""
        while True:
            try:
                is_behind = await self.step()
            except GatewayOpsError as error:
                _log.warning("tokens of users' accounts were not looked after: %s", error.detail)
                await asyncio.sleep(_RETRY_S)
                continue
            await asyncio.sleep(0 if is_behind else _LOOK_EVERY_S)

    async def step(self) -> bool:
        """Renews what is due, a few at once; says whether more may be. Raises DatabaseUnavailable."""
        async with self._parts.database.reading() as session:
            if not await upstream_accounts.is_any_due(session):
                return False
        async with self._parts.database.session() as session:
            due = await upstream_accounts.claim_due(session, limit=_AT_ONCE)
        await asyncio.gather(*map(self._renew, due))
        return len(due) == _AT_ONCE

    async def _renew(self, account: UpstreamAccount) -> None:
        try:
            await account_tokens.renew(self._parts, account)
        except GatewayOpsError as error:  # it is claimed for a minute, then somebody tries again
            _log.warning("the account %s could not be renewed: %s", account.id, error.detail)
        except Exception:  # noqa: BLE001 - one odd account must not keep the others from being renewed
            _log.exception("the account %s could not be renewed", account.id)
