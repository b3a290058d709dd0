"""Buckets: what is left of each limit that a call counts against, kept in the memory of one worker.

`take` is asked by every call, so it compares and subtracts whole numbers, nothing else. Where the numbers
come from is decided when a bucket turns, a few times a second: here from a Window, with several workers
from a lease (`leases.py`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError, Reason, TooMany
from gatewayops.identity.principal import Principal
from gatewayops.policy.limits.choice import LimitBook
from gatewayops.policy.limits.rate import Rate, window_name
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.policy.limits.window import SECOND_NS, Window, grain_ns
from gatewayops.store.snapshot import EMPTY, LimitRow, Snapshot

if TYPE_CHECKING:
    from gatewayops.policy.limits.leases import Leases  # brings in redis, which a single worker does not need

_MAX_QUESTIONS = 8


class RateExceeded(TooMany):
    """More calls than a limit allows; says which, and when the next may come."""

    code = "rate_limit_exceeded"
    reason = Reason.RATE_EXCEEDED

    def __init__(self, detail: str, headers: Mapping[str, str], extra: Mapping[str, Any]) -> None:
        """`headers` and `extra` as `refusal` works them out."""
        super().__init__(detail)
        self.headers = tuple(headers.items())
        self.extra = extra


class Bucket:
    """What one subject may still do under one limit. The same object for all who count against it."""

    __slots__ = (
        "__weakref__",
        "_given",
        "_grain_ns",
        "_grain_until_ns",
        "_window",
        "left",
        "row",
        "turns_at",
    )

    def __init__(self, row: LimitRow) -> None:
        """`row` names one subject and is a limit."""
        rate = Rate(row.calls, row.window_s, row.burst)
        self.row = row
        self.left = 0
        self.turns_at = 0  # monotonic ns; at once, for `left` is not known yet
        self._given = 0  # what `left` was when it was set
        self._window = Window(rate)
        self._grain_ns = grain_ns(rate)
        self._grain_until_ns = 0

    def turn(self, now_ns: int) -> None:
        """Counts what was taken since the last turn, and finds out what is left."""
        self._window.count(self._given - self.left, min(self._grain_until_ns, now_ns))
        self.left = self._given = self._window.free(now_ns)
        self._grain_until_ns = now_ns + self._grain_ns
        self.turns_at = self._grain_until_ns + 1 if self.left else self._window.frees_at(now_ns)

    def frees_at(self, now_ns: int) -> int:
        """When the next call may come, in monotonic ns."""
        self.turn(now_ns)  # what this grain took counts too
        return self._window.frees_at(now_ns)

    def may_ask(self, now_ns: int) -> bool:
        """Whether asking the shared counters (`Limits.take_or_ask`) could still let this call through."""
        del now_ns
        return False

    def is_idle(self, now_ns: int) -> bool:
        """Whether it could be forgotten without anybody noticing."""
        self.turn(now_ns)
        return self._window.is_idle(now_ns)

    def refusal(self, now_ns: int) -> GatewayOpsError:
        """Why a call that this bucket refused is refused."""
        return rate_exceeded(self.row, wait_ns=self.frees_at(now_ns) - now_ns)


def take(buckets: tuple[Bucket, ...], now_ns: int) -> Bucket | None:
    """Counts a call in all of them, or in none: then the one that refuses is the answer."""
    for bucket in buckets:
        if now_ns >= bucket.turns_at:
            bucket.turn(now_ns)
        left = bucket.left
        if left < 1:
            _put_back(buckets, bucket)
            return bucket
        bucket.left = left - 1
    return None


def _put_back(buckets: tuple[Bucket, ...], refusing: Bucket) -> None:
    for bucket in buckets:
        if bucket is refusing:
            return
        bucket.left += 1


def refusal(bucket: Bucket, now_ns: int) -> GatewayOpsError:
    """RateExceeded (429); CountersUnavailable (503) where that is why, and the settings say `closed`."""
    return bucket.refusal(now_ns)


def rate_exceeded(row: LimitRow, *, wait_ns: int) -> RateExceeded:
    """The refusal of a limit that frees a call in `wait_ns`."""
    wait_s = max(1, -(-wait_ns // SECOND_NS))
    reset_s = int(-(-(clock.unix_s() * SECOND_NS + wait_ns) // SECOND_NS))
    headers = {
        "X-RateLimit-Limit": str(row.calls),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(reset_s),
        "Retry-After": str(wait_s),
    }
    extra = {
        "limit": row.calls,
        "window": window_name(row.window_s),
        "reset_at": f"{datetime.fromtimestamp(reset_s, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "scope": row.scope,
    }
    unit = "second" if wait_s == 1 else "seconds"
    return RateExceeded(f"Rate limit exceeded. Retry after {wait_s} {unit}.", headers, extra)


class Limits:
    """All buckets of a worker. Only those that matter stay: idle ones are forgotten."""

    def __init__(self, settings: LimitSettings, leases: "Leases | None" = None) -> None:
        """Without `leases` this worker counts alone."""
        self._settings = settings
        self._leases = leases
        self._book = LimitBook(settings, (), EMPTY)
        self._known: WeakValueDictionary[LimitRow, Bucket] = WeakValueDictionary()
        self._busy: dict[LimitRow, Bucket] = {}  # not idle: kept though nobody holds them

    def replace(self, rows: tuple[LimitRow, ...], snapshot: Snapshot) -> None:
        """New rules. Buckets whose limit is as before are the same objects and keep their counts."""
        self._book = LimitBook(self._settings, rows, snapshot)
        self.hold()

    def hold(self) -> None:
        """To be called before terms that hold buckets go: what was taken goes on counting."""
        self._busy.update(self._known)  # the next sweep sorts them out

    def buckets(self, principal: Principal, server: str) -> tuple[Bucket, ...]:
        """What a call of this principal to this server counts against, the narrowest first."""
        return tuple(map(self._bucket, self._book.holding(principal, server)))

    def _bucket(self, row: LimitRow) -> Bucket:
        bucket = self._known.get(row)
        if bucket is None:
            bucket = self._leases.bucket(row) if self._leases is not None else Bucket(row)
            self._known[row] = self._busy[row] = bucket
        return bucket

    def sweep(self, now_ns: int) -> None:
        """Forgets idle subjects; to be called every few seconds."""
        for row, bucket in list(self._known.items()):
            if not bucket.is_idle(now_ns):
                self._busy[row] = bucket
            else:
                self._busy.pop(row, None)

    async def take_or_ask(self, buckets: tuple[Bucket, ...], now_ns: Callable[[], int]) -> Bucket | None:
        """As `take`, but where a lease is empty and there may be more, the shared counters are asked first.

        For the calls that `take` refused while `may_ask` says yes; each question is one round trip.
        """
        for _ in range(_MAX_QUESTIONS):
            moment_ns = now_ns()
            refused = take(buckets, moment_ns)
            if refused is None or self._leases is None or not refused.may_ask(moment_ns):
                return refused
            await self._leases.ask([bucket for bucket in buckets if bucket.may_ask(moment_ns)])
        return take(buckets, now_ns())
