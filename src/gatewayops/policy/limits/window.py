"""Window: how many calls are still free, from what was counted before. Pure: time is always an argument.

Two bounds hold at once. A sliding window: in any `window_s` there are never more than `calls + burst`. And
GCRA (the generic cell rate algorithm, ITU-T I.371), one number, the theoretical arrival time: what a burst
took beyond `calls` is earned back before the next burst. Without a burst the first bound says it all.

Calls are counted in grains of a hundredth of the window, each kept until the window has passed since the
grain's END: the bound is never exceeded, and an evenly spaced caller loses at most 1%. Up to 100 calls are
counted one by one, exactly. Memory is bounded by that: about a hundred pairs of numbers.
"""

from collections import deque

from gatewayops.policy.limits.rate import Rate

SECOND_NS = 1_000_000_000
GRAINS = 100


def grain_ns(rate: Rate) -> int:
    """Calls that are no further apart than this are counted together; 0 for small limits."""
    return rate.window_s * SECOND_NS // GRAINS if rate.calls + rate.burst > GRAINS else 0


class Window:
    """The calls of one subject under one rate."""

    __slots__ = ("_arrival_ns", "_counted", "_has_burst", "_most", "_step_ns", "_used", "_window_ns")

    def __init__(self, rate: Rate) -> None:
        """Nothing is counted yet; the rate is a limit (not NO_LIMIT)."""
        self._most = rate.calls + rate.burst
        self._window_ns = rate.window_s * SECOND_NS
        self._step_ns = self._window_ns // rate.calls
        self._has_burst = rate.burst > 0
        self._counted: deque[tuple[int, int]] = deque()  # until when, how many
        self._used = 0
        self._arrival_ns = 0  # GCRA's theoretical arrival time

    def count(self, calls: int, until_ns: int) -> None:
        """So many calls happened until then; moments only rise."""
        if calls:
            self._counted.append((until_ns, calls))
            self._used += calls
            self._arrival_ns = max(self._arrival_ns, until_ns) + calls * self._step_ns

    def free(self, now_ns: int) -> int:
        """How many calls may come now."""
        counted = self._counted
        while counted and counted[0][0] + self._window_ns <= now_ns:
            self._used -= counted.popleft()[1]
        free = self._most - self._used
        if self._has_burst:
            owed_ns = max(0, self._arrival_ns - now_ns)
            free = min(free, self._most - -(-owed_ns // self._step_ns))
        return max(0, free)

    def frees_at(self, now_ns: int) -> int:
        """When the next call may come: `now_ns` where it may come now."""
        if self.free(now_ns):
            return now_ns
        at_ns = now_ns
        if self._used >= self._most:
            at_ns = self._counted[0][0] + self._window_ns
        if self._has_burst:
            at_ns = max(at_ns, self._arrival_ns - (self._most - 1) * self._step_ns)
        return at_ns

    def is_idle(self, now_ns: int) -> bool:
        """Whether a new Window would answer the same."""
        return self.free(now_ns) == self._most
