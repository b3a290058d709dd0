"""Settings of budgets."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class BudgetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How gateways keep budgets. `closed`: where nobody knows what was spent, hard budgets refuse."""

    when_counters_fail: Literal["open", "closed"] = "closed"
    min_output_tokens: Annotated[int, Meta(ge=0, le=1_000_000)] = 50  # before a tool has answered
    reconcile_s: Annotated[float, Meta(ge=0.1, le=600)] = 5.0  # how often accounts are compared
    lease_s: Annotated[float, Meta(ge=1, le=300)] = 10.0  # how long a dead worker's lease is held back
