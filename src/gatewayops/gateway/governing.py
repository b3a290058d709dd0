"""Builds a worker's governance and what runs beside it: leases, the ledger's follower, sightings."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path

from gatewayops.base.crypto import Opener
from gatewayops.cost.budgets.accounts import Account, Budgets
from gatewayops.cost.budgets.follow import LedgerFollower, LedgerSource
from gatewayops.cost.budgets.leased_account import LeasedAccount
from gatewayops.policy.governance import Governance, GovernanceSettings
from gatewayops.policy.limits.buckets import Limits
from gatewayops.policy.pins.sightings import Sightings
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.pool import Pool

_LEDGER = "/internal/ledger"
_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Control:
    """The way to the control role, and the token that our roles share."""

    pool: Pool
    token: str

    async def get(self, path: str) -> bytes:
        """Raises GatewayOpsError or TimeoutError when it cannot."""
        return await self._ask("GET", path)

    async def post(self, path: str, body: bytes) -> None:
        """Sends JSON. Raises as `get`."""
        about = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        await self._ask("POST", path, about=about, body=body)

    async def _ask(self, verb: str, path: str, *, about: str = "", body: bytes = b"") -> bytes:
        token = f"x-gatewayops-internal: {self.token}"
        head = f"{verb} {path} HTTP/1.1\r\nhost: control\r\n{token}\r\n{about}\r\n"
        async with asyncio.timeout(_ANSWER_S):
            exchange = await self.pool.send(head.encode() + body)
            try:
                await exchange.answered
            except asyncio.CancelledError:
                exchange.abort(ConnectionBroken("nobody waits for it any more", got_bytes=False))
                raise
        if exchange.status not in (200, 204):
            msg = f"the control role answered {exchange.status}"
            raise ConnectionBroken(msg, got_bytes=True)
        return exchange.body


class SharedCounters:
    """What several workers lease from: calls and money. Raises InvalidInput for a wrong `redis_url`."""

    def __init__(self, settings: GovernanceSettings) -> None:
        """Connects when first asked."""
        from gatewayops.cost.budgets.leases import Leases as MoneyLeases  # they bring in redis, which
        from gatewayops.policy.limits.leases import Leases  # one worker alone does without

        self.limits = Leases(settings.redis_url, is_open=settings.limits.when_counters_fail == "open")
        self.budgets = MoneyLeases(settings.redis_url, settings.budgets)


class Governing:
    """One a worker; `tasks` run as long as it serves."""

    def __init__(self, settings: GovernanceSettings, opener: Opener, control: Control, data: Path) -> None:
        """Asks nobody yet. Raises InvalidInput for a wrong `redis_url`."""
        self._shared = SharedCounters(settings) if settings.redis_url else None
        shared = self._shared
        self._limits = Limits(settings.limits, shared.limits if shared is not None else None)
        self._budgets = Budgets(settings.budgets, new_account=Account if shared is None else LeasedAccount)
        source = LedgerSource(
            fetch=lambda: control.get(_LEDGER), spool=data / "spool", checkpoint=data / "budgets.msgpack"
        )
        self._follower = LedgerFollower(self._budgets, source, settings.budgets)
        self._sightings = Sightings(control.pool, internal_token=control.token)
        self.governance = Governance(settings, self._limits, self._budgets, opener)
        if self._shared is not None:
            self.governance.reserve = self._shared.budgets.reserve
        self.governance.on_seen = self._sightings.add

    def tasks(self) -> dict[str, Coroutine[None, None, None]]:
        """What is to run, by name."""
        running = {"ledger": self._follower.run(), "sightings": self._sightings.run()}
        if self._shared is not None:
            running["leases of calls"] = self._shared.limits.run()
            running["leases of money"] = self._shared.budgets.run(self._budgets)
        return running

    async def load(self) -> None:
        """Before the first call: what the budgets have spent."""
        await self._follower.load()

    async def close(self) -> None:
        """Gives back what is leased."""
        if self._shared is not None:
            await self._shared.limits.close()
            await self._shared.budgets.close()

    def sweep(self) -> None:
        """Now and then: forgets who has not called for a while."""
        self._limits.sweep(time.monotonic_ns())
