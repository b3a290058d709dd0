"""How often somebody may try: counted in memory, forgotten after a short window, so that nobody is locked out
for long by others who guess.
"""

from collections import OrderedDict

from gatewayops.base.clock import unix_s
from gatewayops.base.errors import Reason, TooMany

_MAX_REMEMBERED = 20_000


class Attempts:
    """At most so many of a kind in a window of time; windows begin with the first attempt."""

    def __init__(self, limit: int, *, window_s: float) -> None:
        """Starts empty; the oldest are forgotten when there are too many."""
        self._limit = limit
        self._window_s = window_s
        self._seen: OrderedDict[tuple[str, ...], tuple[float, int]] = OrderedDict()

    def check(self, *who: str) -> None:
        """Raises TooMany."""
        since_s, count = self._seen.get(who, (0.0, 0))
        if count >= self._limit and unix_s() - since_s < self._window_s:
            msg = f"too many attempts; try again in {int(self._window_s - (unix_s() - since_s)) + 1} seconds"
            raise TooMany(msg, Reason.RATE_EXCEEDED)

    def add(self, *who: str) -> None:
        """One more."""
        now_s = unix_s()
        since_s, count = self._seen.pop(who, (now_s, 0))
        if now_s - since_s >= self._window_s:
            since_s, count = now_s, 0
        self._seen[who] = since_s, count + 1
        if len(self._seen) > _MAX_REMEMBERED:
            self._seen.popitem(last=False)

    def forget(self, *who: str) -> None:
        """The attempt was a good one."""
        self._seen.pop(who, None)
