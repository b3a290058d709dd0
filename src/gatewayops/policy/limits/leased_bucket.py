"""A bucket that is filled by leases: what a worker may use before it tells the shared counters again."""

from typing import TYPE_CHECKING

from gatewayops.base.errors import GatewayOpsError, Reason, Unavailable
from gatewayops.policy.limits.buckets import Bucket, rate_exceeded
from gatewayops.policy.limits.window import SECOND_NS
from gatewayops.store.snapshot import LimitRow

if TYPE_CHECKING:
    from gatewayops.policy.limits.leases import Leases

_AHEAD = 1.5  # of what the last lease's pace would use
_MIN_LIFE_NS, _MAX_LIFE_NS = SECOND_NS // 50, SECOND_NS
_LEASES_A_WINDOW = 50
_POLL_NS = 2_000_000  # no worker asks for an exhausted limit more often


class CountersUnavailable(Unavailable):
    """The shared counters do not answer, and the settings say that calls then end."""

    reason = Reason.COUNTERS_UNAVAILABLE


class LeasedBucket(Bucket):
    """A bucket that is filled by leases. `owed` are calls made that the counters do not know yet."""

    __slots__ = (
        "_leases",
        "ahead",
        "asks_at",
        "comes_at",
        "ends_at",
        "has_lease",
        "is_wanted",
        "owed",
        "pace",
        "synced_at",
        "waiting",
    )

    def __init__(self, row: LimitRow, leases: "Leases") -> None:
        """Holds nothing; the first call makes it ask."""
        super().__init__(row)
        self._leases = leases
        self.owed = 0
        self.waiting = 0  # calls that wait for the next lease
        self.is_wanted = False  # a call would have had use for one
        self.ahead = 0  # calls that the next lease should have beyond those
        self.pace = 0.0  # calls a ns
        self.has_lease = False
        self.ends_at = self.asks_at = self.comes_at = self.synced_at = 0  # monotonic ns

    @property
    def used(self) -> int:
        """Calls made that the counters do not know yet."""
        return self.owed + self._given - self.left

    @property
    def life_ns(self) -> int:
        """How long a lease lasts."""
        life_ns = self.row.window_s * SECOND_NS // _LEASES_A_WINDOW
        return min(_MAX_LIFE_NS, max(_MIN_LIFE_NS, life_ns))

    def turn(self, now_ns: int) -> None:
        """Ends a lease whose time is over, and asks for another; without counters, counts alone or not."""
        if self._leases.is_away:
            self._turn_alone(now_ns)
            return
        if now_ns >= self.ends_at:
            self.drop()
        if not self.left and now_ns >= self.asks_at:
            self._leases.want(self)
        self.turns_at = self.ends_at if self.left else max(self.asks_at, now_ns + 1)

    def _turn_alone(self, now_ns: int) -> None:
        if self._leases.is_open:
            super().turn(now_ns)
        else:
            self.drop()

    def drop(self) -> None:
        """Gives up what is left; what was used is owed."""
        self.owed, self.left, self._given = self.used, 0, 0

    def give_up(self) -> None:
        """Wants nothing more."""
        self.drop()
        self.waiting, self.is_wanted = 0, False

    def forget(self) -> None:
        """Starts anew, after the counters went or came back."""
        self.give_up()
        self.owed, self.has_lease = 0, False
        self.turns_at = self.ends_at = self.asks_at = 0

    def settle(self, now_ns: int) -> tuple[int, int, int, int]:
        """What a round tells: used, kept, needed, ahead. From here on, used counts anew."""
        if now_ns >= self.ends_at:
            self.drop()
        used, needed = self.used, self.waiting or int(self.is_wanted)
        self.pace = max(used / max(1, now_ns - self.synced_at), self.pace / 2)
        self.ahead = max(needed, round(self.pace * self.life_ns * _AHEAD), 1) if used or needed else 0
        self.owed, self._given, self.synced_at = 0, self.left, now_ns
        self.waiting, self.is_wanted = 0, False
        return used, self.left, needed, self.ahead

    def lend(self, calls: int, *, sent_at: int, wait_ns: int, reset_ns: int) -> None:
        """Takes what a round brought; its life counts from when it was asked for."""
        self.ends_at = sent_at + self.life_ns
        self.left += calls
        self._given += calls
        self.has_lease = self.left > 0
        self.asks_at = sent_at + max(wait_ns, _POLL_NS) if wait_ns else 0
        self.comes_at = sent_at + reset_ns
        self.turns_at = self.ends_at if self.left else self.asks_at

    def needs_round(self, now_ns: int) -> bool:
        """Whether to ask: more is wanted, the lease runs low or ends in use, or something is to go back."""
        if self.is_wanted:
            return True
        used = self.used
        if now_ns >= self.ends_at:
            return self.has_lease or used > 0
        return used > 0 and (self.left * 2 <= self.ahead or now_ns + self.life_ns // 4 >= self.ends_at)

    def is_settled(self) -> bool:
        """Whether the counters know all, and nothing is lent."""
        return not (self.is_wanted or self.has_lease or self.used)

    def may_ask(self, now_ns: int) -> bool:
        """Not while the counters are away, or have just said when to come back."""
        return self.left < 1 and now_ns >= self.asks_at and not self._leases.is_away

    def is_idle(self, now_ns: int) -> bool:
        """Nothing is lent, and nothing was counted alone lately."""
        return super().is_idle(now_ns) if self._leases.is_away else self.is_settled()

    def refusal(self, now_ns: int) -> GatewayOpsError:
        """As a bucket's; without counters, where those must not be missing, that is what it says."""
        if not self._leases.is_away:
            return rate_exceeded(self.row, wait_ns=max(0, self.comes_at - now_ns))
        if self._leases.is_open:
            return super().refusal(now_ns)
        msg = "the counters of rate limits do not answer; try again in a moment"
        return CountersUnavailable(msg)
