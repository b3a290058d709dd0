"""An account of which several workers hold a part each; `leases.py` does the trading, this knows no Redis."""

import asyncio
from collections import deque

from gatewayops.base.errors import GatewayOpsError
from gatewayops.base.ids import random_text
from gatewayops.cost.budget import Period, span_at_s
from gatewayops.cost.budgets.accounts import Account
from gatewayops.cost.budgets.refusals import SpendingUnknown, budget_spent
from gatewayops.store.snapshot import BudgetRow

_SETTLED_S = 30.0  # what was spent before is in the ledger by now, whichever machine's spool it went through


class LeasedAccount(Account):
    """An account of which this worker holds a part: `spent_micros` and `limit_micros` are of that part.

    `total_micros` is what all workers have spent, as of the last trade.
    """

    __slots__ = (
        "asked_micros",
        "empty_micros",
        "empty_until_s",
        "epoch",
        "has_joined",
        "holds_until_s",
        "is_open",
        "lock",
        "lower",
        "member",
        "reported_micros",
        "seen",
        "total_micros",
        "truth_micros",
    )

    def __init__(self, row: BudgetRow, now_s: float, *, closes_at_s: float) -> None:
        """Holds nothing. A `closes_at_s` without end: all passes while the counters are away."""
        self.is_open = closes_at_s == float("inf")
        self.lock = asyncio.Lock()
        self.truth_micros = -1
        self._begin_anew()
        super().__init__(row, now_s, closes_at_s=closes_at_s)

    def _begin_anew(self) -> None:
        self.member = random_text(12)
        self.epoch = ""
        self.has_joined = False
        self.holds_until_s = 0.0
        self.asked_micros = 0
        self.reported_micros = 0
        self.total_micros = 0
        self.lower = (0, 0)  # micro-dollars, version
        self.empty_until_s = 0.0
        self.empty_micros = 0
        self.seen: deque[tuple[float, int, int]] = deque(maxlen=1_000)  # when, total, version

    def turn(self, now_s: float) -> None:
        """A new period begins, or what is held may no longer be used."""
        if now_s >= self.span.end_s:
            self.span = span_at_s(Period(self.row.period), now_s)
            self.truth_micros = min(self.truth_micros, 0)  # nothing is spent yet, if we knew what was before
            self.leave()
        if now_s >= self.holds_until_s:
            self._set_limit(self.spent_micros)
        self.grace_micros = 0  # granted by the purse, call by call
        self.turns_at_s = self.span.end_s
        if self.holds_until_s > now_s:
            self.turns_at_s = min(self.turns_at_s, self.holds_until_s)

    def leave(self) -> None:
        """Begins anew with the purse; calls under way stay reserved."""
        reserved_micros = self.reserved_micros
        self._begin_anew()
        self.spent_micros = self.limit_micros = 0
        self.left_micros = -reserved_micros

    def learn(self, spent_micros: int, now_s: float) -> None:
        """What ledger and spool say that all have spent: the purse is corrected by it at the next trade."""
        self.is_known = True
        self.truth_micros = spent_micros
        self.empty_until_s = 0.0
        self.lower = (0, 0)
        for at_s, total, version in reversed(self.seen):
            if at_s <= now_s - _SETTLED_S:
                self.lower = (max(0, total - spent_micros), version)
                break

    def note(self, now_s: float, total: int, version: int) -> None:
        """Remembers what the purse said."""
        if version != self.lower[1]:
            self.lower = (0, 0)
        self.seen.append((now_s, total, version))

    @property
    def has_news(self) -> bool:
        """Whether something is held or to be told."""
        return self.has_joined and (
            self.spent_micros != self.reported_micros or self.limit_micros > self.spent_micros
        )

    def budget_micros(self, now_s: float) -> int:
        """The amount and the overrides that hold now."""
        extra = sum(extra for extra, until_s in self.row.overrides if until_s > now_s)
        return self.row.amount_micros + extra

    def wants(self) -> int:
        """What to hold for the next moments: four times what was spent since the last trade."""
        return self.reserved_micros + 4 * (self.spent_micros - self.reported_micros) + self.asked_micros

    def shrink(self, hold_micros: int) -> None:
        """Gives up what is held beyond that, before the purse is told."""
        self._set_limit(min(self.limit_micros, self.spent_micros + hold_micros))

    def hold(self, hold_micros: int, *, beyond_micros: int, until_s: float) -> None:
        """What the purse granted beyond what was spent when it was asked."""
        self.holds_until_s = until_s
        self.turns_at_s = min(self.span.end_s, until_s)
        self._set_limit(beyond_micros + hold_micros)

    def may_ask(self, now_s: float) -> bool:
        """Always, but just after the purse was found empty."""
        return now_s >= self.empty_until_s

    def refusal(self, now_s: float) -> GatewayOpsError:
        """The shared purse is empty, or nobody can look into it."""
        if now_s >= self.holds_until_s:
            msg = (
                f'what the budget "{self.row.name}" has spent cannot be found out now; try again in a second'
            )
            return SpendingUnknown(msg)
        limit_micros = self.budget_micros(now_s)
        spent_micros = self.total_micros + self.spent_micros - self.reported_micros
        return budget_spent(
            self.row,
            limit_micros=limit_micros,
            spent_micros=spent_micros,
            reset_s=self.span.end_s,
            now_s=now_s,
        )

    def _set_limit(self, limit_micros: int) -> None:
        self.left_micros += limit_micros - self.limit_micros
        self.limit_micros = limit_micros
