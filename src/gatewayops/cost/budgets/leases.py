"""Budgets shared by several workers, through Redis or Valkey: each holds some of the money of a shared purse.

A call reserves from what its worker holds, without waiting. Where that is not enough, `Leases.reserve` asks
for more; only what the purse (`lease.lua`) refuses is refused. What is held goes back a quarter of a second
after it was last needed. A worker that dies holds its part for `lease_s`; then that counts as spent, until
half a minute later the ledger shows how much of it was not. Nothing is ever overspent. While the counters are
away a worker goes on for most of `lease_s` with what it holds; after that `when_counters_fail` decides.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput
from gatewayops.cost.budget import with_grace
from gatewayops.cost.budgets.accounts import NO_LIMIT, Account, Budgets, reserve
from gatewayops.cost.budgets.leased_account import LeasedAccount
from gatewayops.cost.budgets.settings import BudgetSettings

_log = logging.getLogger(__name__)

_TICK_S = 0.25
_ANSWER_S = 1.0
_OPEN_S = 1.0  # while the counters are away and the settings say open, they are tried again as often
_OWN_SHARE = 0.6  # of lease_s: a worker stops before the others may think it dead
_KEEP_S = 3 * 86_400  # a purse is kept so long after it was last used
_EMPTY_S = 0.05  # an empty purse is not asked again for as long
_AHEAD = 4  # asked for one call, so many are leased if there is plenty
_SCRIPT = Path(__file__).with_name("lease.lua").read_text()


class Leases:
    """A worker's way to the shared purses. Its owner runs `run` in a task."""

    def __init__(self, url: str, settings: BudgetSettings) -> None:
        """Connects when first asked. Raises InvalidInput for what is no URL of Redis."""
        self._settings = settings
        self._is_away = False
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=_ANSWER_S,
                socket_connect_timeout=_ANSWER_S,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
            )
        except ValueError as error:
            msg = "redis_url: begins with redis://, rediss:// or unix://"
            raise InvalidInput(msg) from error
        self._script = self._redis.register_script(_SCRIPT)

    async def reserve(
        self, accounts: tuple[Account, ...], micros: int, *, is_grace: bool = False
    ) -> Account | None:
        """As accounts.reserve, and where this worker holds too little it asks for more first."""
        refusing = None
        for _ in range(len(accounts) + 1):
            refusing = reserve(accounts, micros, clock.unix_s())
            if not isinstance(refusing, LeasedAccount):
                return refusing
            if not await self._ask(refusing, micros, is_grace=is_grace):
                return refusing
        return refusing

    async def run(self, budgets: Budgets) -> None:
        """Tells the purses what is spent, and gives back what is not needed; until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            await self.settle(budgets)

    async def settle(self, budgets: Budgets) -> None:
        """One round of it."""
        for account in budgets.all:
            if isinstance(account, LeasedAccount) and account.has_news:
                async with account.lock:
                    if not await self._trade(account):
                        break  # the next round tries again
                    account.asked_micros = 0

    async def close(self) -> None:
        """Ends the connections. What is held comes back after `lease_s`."""
        await self._redis.aclose()

    async def _ask(self, account: LeasedAccount, micros: int, *, is_grace: bool) -> bool:
        """Whether the account now has room for that much."""
        needed = micros or 1
        async with account.lock:
            now_s = clock.unix_s()
            if account.left_micros >= needed:
                return True
            if not is_grace and now_s < account.empty_until_s and needed >= account.empty_micros:
                return False
            account.asked_micros = max(account.asked_micros, _AHEAD * needed)
            await self._trade(account, asked_micros=needed, is_grace=is_grace)
            if account.left_micros >= needed:
                return True
            account.asked_micros = 0
            account.empty_until_s, account.empty_micros = clock.unix_s() + _EMPTY_S, needed
            return False

    async def _trade(self, account: LeasedAccount, *, asked_micros: int = 0, is_grace: bool = False) -> bool:
        """Tells and asks once, or twice when it must join first; whether the counters answered."""
        for _ in range(2):
            now_s = clock.unix_s()
            if now_s >= account.turns_at_s:
                account.turn(now_s)
            member, spent_micros = account.member, account.spent_micros
            reply = await self._exchange(account, asked_micros, now_s, is_grace=is_grace)
            if reply is None or reply[0] == "unknown":
                if account.is_open:
                    account.hold(NO_LIMIT, beyond_micros=0, until_s=now_s + _OPEN_S)
                return reply is not None
            if account.member != member:
                return True  # a new period has begun meanwhile
            state, hold, total, version, epoch = reply
            if state == "held":
                account.epoch, account.has_joined = epoch, True
                account.reported_micros, account.total_micros = spent_micros, int(total)
                account.note(now_s, int(total), int(version))
                own_s = self._settings.lease_s * _OWN_SHARE
                account.hold(int(hold), beyond_micros=spent_micros, until_s=now_s + own_s)
                return True
            account.leave()  # the purse is another, or took us for dead
        return True

    async def _exchange(
        self, account: LeasedAccount, asked_micros: int, now_s: float, *, is_grace: bool
    ) -> tuple[Any, ...] | None:
        row, reserved_micros = account.row, account.reserved_micros
        need = reserved_micros + asked_micros
        want = max(need, account.wants())
        account.shrink(want)
        limit = account.budget_micros(now_s)
        lower, version = account.lower
        arguments = (
            account.member, account.epoch or account.member, int(account.has_joined), account.spent_micros,
            reserved_micros, need, want, with_grace(limit, row.grace_percent) if is_grace else limit,
            int(self._settings.lease_s * 1_000), account.truth_micros, lower, version, _KEEP_S, 0,
        )  # fmt: skip
        key = f"gatewayops:budget:{row.id}:{row.period}:{account.span.start.isoformat()}"
        try:
            reply: list[Any] = await self._script(keys=[key], args=arguments)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._is_away:
                _log.warning("the counters do not answer (%s): budgets live on what is held", error)
            self._is_away = True
            return None
        self._is_away = False
        return tuple(reply)
