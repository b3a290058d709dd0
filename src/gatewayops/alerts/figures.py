"""What rules are judged by: groups, and what was measured of each. Plain values, from `reading` or a test."""

import msgspec


class Group(msgspec.Struct, frozen=True):
    """Of what figures are; `key` tells groups of one rule apart, `subject` names it for people."""

    key: str
    subject: str
    server: str = ""
    tool: str = ""
    team_id: str = ""


class Counts(msgspec.Struct, frozen=True):
    """Calls of a window. `judged` leaves out what was refused for the caller's sake; see alert_sql."""

    calls: int
    judged: int = 0
    failures: int = 0
    limited: int = 0
    refused: int = 0
    latency_ms: float = 0.0  # at the rule's percentile


class Burn(msgspec.Struct, frozen=True):
    """Judged calls and failures by window (m5, m30, h1, h6), and the objective that they count against."""

    judged: dict[str, int]
    failures: dict[str, int]
    objective_percent: float
    period_days: int


class Odd(msgspec.Struct, frozen=True):
    """A window next to what is usual; `side` is 1 above, -1 below, 0 for as usual or unknown."""

    side: int
    value: float
    expected: float
    deviations: float


class Spent(msgspec.Struct, frozen=True):
    """Where a budget stands."""

    percent: float
    period: str


Sample = Counts | Burn | Odd | Spent


class Measured(msgspec.Struct, frozen=True):
    """A group and its figures."""

    group: Group
    sample: Sample
