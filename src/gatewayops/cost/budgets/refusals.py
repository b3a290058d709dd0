"""How a call is refused for its budget: the body names the budget, what is spent, and when it begins anew."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gatewayops.base.errors import Reason, TooMany, Unavailable
from gatewayops.store.snapshot import BudgetRow

_MICROS = 1_000_000


class BudgetSpent(TooMany):
    """A hard budget leaves no room for this call."""

    code = "budget_exceeded"
    reason = Reason.BUDGET_SPENT

    def __init__(self, detail: str, headers: Mapping[str, str], extra: Mapping[str, Any]) -> None:
        """`headers` and `extra` as `budget_spent` works them out."""
        super().__init__(detail)
        self.headers = tuple(headers.items())
        self.extra = extra


class SpendingUnknown(Unavailable):
    """Nobody knows what a hard budget has spent, and the setting budgets.when_counters_fail says closed."""

    reason = Reason.COUNTERS_UNAVAILABLE


def budget_spent(
    row: BudgetRow, *, limit_micros: int, spent_micros: int, reset_s: float, now_s: float
) -> BudgetSpent:
    """The refusal; amounts in dollars, as everywhere in JSON."""
    reset_at = f"{datetime.fromtimestamp(reset_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
    left = limit_micros - spent_micros
    state = "is spent" if left <= 0 else f"has ${_text(left)} left, less than this call may cost"
    amount = f"${_text(limit_micros)} a {row.period}"
    detail = f'the budget "{row.name}" ({amount}) {state}; it resets at {reset_at}'
    extra = {
        "budget": {"id": row.id, "name": row.name, "scope": row.scope},
        "limit": limit_micros / _MICROS,
        "spent": spent_micros / _MICROS,
        "period": row.period,
        "reset_at": reset_at,
    }
    return BudgetSpent(detail, {"Retry-After": str(max(1, int(reset_s - now_s) + 1))}, extra)


def _text(micros: int) -> str:
    whole, rest = divmod(micros, _MICROS)
    digits = f"{rest:06d}".rstrip("0")
    return f"{whole}.{digits:0<2}"
