"""Tells the control role whose tokens servers did not take (`POST /internal/upstream-accounts/refused`), so
that they are renewed at once, or their users are told to sign in again.
"""

import asyncio
import logging

import msgspec

from gatewayops.base.errors import GatewayOpsError
from gatewayops.gateway.governing import Control
from gatewayops.upstream.accounts.held import HeldAccounts

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_MOST = 500  # at once
_PATH = "/internal/upstream-accounts/refused"
_encode = msgspec.json.Encoder().encode


class AccountReports:
    """The task that tells. One a worker."""

    def __init__(self, accounts: HeldAccounts, control: Control) -> None:
        """Tells nothing before `run`."""
        self._accounts = accounts
        self._control = control

    async def run(self) -> None:
        """Looks twice a second until cancelled; what could not be told is told later."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._accounts.refused:
                continue
            told = set(list(self._accounts.refused)[:_MOST])
            try:
                await self._control.post(_PATH, _encode(sorted(told)))
            except (GatewayOpsError, TimeoutError) as error:
                log.debug("the control role was not told whose tokens are refused: %s", error)
            except Exception:  # what is told here is of less worth than the calls: the worker must not end
                log.exception("the control role could not be told whose tokens are refused")
            else:
                self._accounts.refused -= told
