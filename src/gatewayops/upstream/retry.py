"""When a failed request may be sent again, and how long to wait before.

Only where nothing can have happened twice: nothing was sent, or the method or the tool is safe to repeat
and no byte of an answer came. A budget a server keeps retries from doubling the load of one that is down.
"""

import random

from gatewayops.base.errors import GatewayOpsError
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.pool import ConnectTimeout, UpstreamUnreachable

_SPARE = 10.0  # retries that a server may have before its calls earned any
_MOST_SPARE = 100.0
_EARNED_A_SECOND = 1.0  # so that a server with few calls is not left without retries
_SECOND_NS = 1_000_000_000


def may_send_again(error: GatewayOpsError, *, is_safe: bool, attempt: int, retries: int) -> bool:
    """Whether the request, sent again `attempt` times so far, may be sent once more.

    `is_safe`: the method is idempotent, or the tool's approved definition says so of the tool
    (`idempotentHint`, `readOnlyHint`).
    """
    if attempt >= retries:
        return False
    if isinstance(error, UpstreamUnreachable | ConnectTimeout):
        return True
    return is_safe and isinstance(error, ConnectionBroken) and not error.got_bytes


def backoff_s(attempt: int, *, base_ms: int, max_ms: int, chance: float) -> float:
    """Exponential, with full jitter: `chance` (0 to 1) of the bound that doubles with each attempt."""
    return chance * min(max_ms, base_ms << min(attempt, 20)) / 1000


class RetryBudget:
    """A token bucket: each call earns a share of a retry, each second one more; a retry takes one."""

    __slots__ = ("_calls", "_now_ns", "_share", "_tokens")

    def __init__(self, *, percent: int, now_ns: int) -> None:
        """`percent` of the calls may be sent again."""
        self._share = percent / 100
        self._tokens = _SPARE
        self._calls = 0
        self._now_ns = now_ns

    def take(self, *, calls: int, now_ns: int) -> bool:
        """Whether there is one left. `calls` counts all calls of the server so far, without retries."""
        earned = (calls - self._calls) * self._share
        earned += (now_ns - self._now_ns) / _SECOND_NS * _EARNED_A_SECOND
        self._calls = calls
        self._now_ns = now_ns
        self._tokens = min(_MOST_SPARE, self._tokens + earned)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Retries:
    """The retries of one server, and how many there were. Asked only when a request failed."""

    __slots__ = ("_budget", "_row", "refused", "sent")

    def __init__(self, row: ServerRow, now_ns: int) -> None:
        """`row` has the settings."""
        self._row = row
        self._budget = RetryBudget(percent=row.retry_budget_percent, now_ns=now_ns)
        self.sent = 0
        self.refused = 0

    def delay_s(
        self, error: GatewayOpsError, *, is_safe: bool, attempt: int, calls: int, now_ns: int
    ) -> float | None:
        """How long to wait before sending again, which is counted with this; None: it must not be."""
        row = self._row
        if not may_send_again(error, is_safe=is_safe, attempt=attempt, retries=row.retries):
            return None
        if not self._budget.take(calls=calls, now_ns=now_ns):
            self.refused += 1
            return None
        self.sent += 1
        chance = random.random()  # noqa: S311 - jitter, no secret
        return backoff_s(attempt, base_ms=row.retry_base_ms, max_ms=row.retry_max_ms, chance=chance)
