"""Leases: how several workers and nodes hold one limit together, through Redis or Valkey.

The count of a subject lives there, and a worker leases a few calls of it at a time, so that calls are
decided in memory. Leases are short (a fiftieth of the window, at most a second), renewed ahead of their
end at the pace of the last one, and what was not used goes back. A leased call counts as made until the
worker has said otherwise: the workers together never exceed the limit. What is lent ahead of need is at
most an eighth of what remains, so near its end a limit is lent call by call.

A call that finds its lease empty while there may be more is refused, unless its door asks first (`ask`):
then it waits for one round trip. Calls of a steady caller never do.

While the counters do not answer, `when_counters_fail` decides. open: every worker counts alone, with the
whole limit. closed: calls with a limit are refused (503). What was let through meanwhile is not counted
afterwards.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from gatewayops.base import ids
from gatewayops.base.errors import InvalidInput
from gatewayops.policy.limits.buckets import Bucket
from gatewayops.policy.limits.leased_bucket import LeasedBucket
from gatewayops.policy.limits.window import GRAINS
from gatewayops.store.snapshot import LimitRow

log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).with_name("lease.lua").read_text()
_TICK_S = 0.005
_ANSWER_S = 1.0  # no answer in that time: the counters are away
_ASKING_S = 0.25
_RETRY_S = 0.25


class Leases:
    """A worker's way to the shared counters. Its owner runs `run` as a task."""

    def __init__(
        self,
        url: str,
        *,
        is_open: bool,
        now_ns: Callable[[], int] = time.monotonic_ns,
        shared_us: Callable[[], int] = lambda: 0,
        asking_s: float = _ASKING_S,
    ) -> None:
        """`is_open`: what happens while they are away; `asking_s`: how long a call waits for them at most.

        Tests give clocks; `shared_us` 0 means Valkey's own.

        Raises InvalidInput for what is no URL of Redis.
        """
        self.is_away = False
        self.is_open = is_open
        self._now_ns = now_ns
        self._shared_us = shared_us
        self._asking_s = asking_s
        self._holder = ids.random_text(12)
        self._buckets: WeakSet[LeasedBucket] = WeakSet()
        self._active: set[LeasedBucket] = set()  # lent to, or owing, or waiting
        self._wake = asyncio.Event()
        self._next_round: asyncio.Future[None] | None = None
        self._script_id = ""
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=_ANSWER_S,
                socket_connect_timeout=_ANSWER_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            msg = "redis_url: begins with redis://, rediss:// or unix://"
            raise InvalidInput(msg) from error

    def bucket(self, row: LimitRow) -> LeasedBucket:
        """A bucket of this limit, filled through here."""
        bucket = LeasedBucket(row, self)
        self._buckets.add(bucket)
        return bucket

    def want(self, bucket: LeasedBucket) -> None:
        """The next round asks for more."""
        bucket.is_wanted = True
        self._active.add(bucket)
        self._wake.set()

    async def ask(self, buckets: Iterable[Bucket]) -> None:
        """Waits for a round that asks for a call more in each, at most `asking_s`."""
        if self.is_away:
            return
        for bucket in buckets:
            if isinstance(bucket, LeasedBucket):
                bucket.waiting += 1
                self.want(bucket)
        if self._next_round is None:
            self._next_round = asyncio.get_running_loop().create_future()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._asking_s):
                await asyncio.shield(self._next_round)

    async def run(self) -> None:
        """Keeps the leases until cancelled."""
        while True:
            if self.is_away:
                await asyncio.sleep(_RETRY_S)
            elif self._active:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._wake.wait()
            else:
                await self._wake.wait()
            self._wake.clear()
            await self.round()

    async def round(self) -> None:
        """Tells what was used, and takes what is needed; while they are away, asks whether they are back."""
        answered, self._next_round = self._next_round, None
        now_ns = self._now_ns()
        asking = [bucket for bucket in self._active if bucket.needs_round(now_ns)]
        try:
            if self.is_away:
                await self._redis.ping()
                self._change(is_away=False)
            elif asking:
                await self._exchange(asking, now_ns)
        except (RedisError, OSError, TimeoutError) as error:
            if not self.is_away:
                log.warning("the counters of rate limits do not answer (%s)", type(error).__name__)
                self._change(is_away=True)
        finally:
            if answered is not None and not answered.done():
                answered.set_result(None)
        self._active = {bucket for bucket in self._active if not bucket.is_settled()}

    async def close(self) -> None:
        """Gives everything back, as far as the counters answer."""
        with suppress(RedisError, OSError, TimeoutError):
            if not self.is_away:
                for bucket in self._active:
                    bucket.give_up()
                await self._exchange(list(self._active), self._now_ns())
        self._active.clear()
        await self._redis.aclose()

    def _change(self, *, is_away: bool) -> None:
        if not is_away:
            log.warning("the counters of rate limits answer again")
        self.is_away = is_away
        self._holder = ids.random_text(12)  # what was lent before counts as used: nobody tells of it any more
        for bucket in self._buckets:
            bucket.forget()

    async def _exchange(self, asking: list[LeasedBucket], now_ns: int) -> None:
        told = [self._told(bucket, now_ns) for bucket in asking]
        answers = await self._send(told)
        for bucket, (calls, wait_us, reset_us) in zip(asking, answers, strict=True):
            bucket.lend(calls, sent_at=now_ns, wait_ns=wait_us * 1000, reset_ns=reset_us * 1000)

    def _told(self, bucket: LeasedBucket, now_ns: int) -> tuple[str | int, ...]:
        row = bucket.row
        window_us = row.window_s * 1_000_000
        return (
            f"gatewayops:limit:{row.org_id}:{row.scope}:{row.subject}:{row.window_s}",
            self._shared_us(),
            window_us,
            row.calls,
            row.burst,
            bucket.life_ns // 1000,
            window_us // GRAINS if row.calls + row.burst > GRAINS else 0,
            self._holder,
            *bucket.settle(now_ns),
        )

    async def _send(self, told: Iterable[tuple[str | int, ...]]) -> list[tuple[int, int, int]]:
        try:
            return await self._run_script(told)
        except NoScriptError:  # a first time, or a server that was started anew
            self._script_id = await self._redis.script_load(_SCRIPT)
            return await self._run_script(told)

    async def _run_script(self, told: Iterable[tuple[str | int, ...]]) -> list[tuple[int, int, int]]:
        if not self._script_id:
            raise NoScriptError
        pipe: Any = self._redis.pipeline(transaction=False)
        for arguments in told:
            pipe.evalsha(self._script_id, 1, *arguments)
        return cast("list[tuple[int, int, int]]", await pipe.execute())
