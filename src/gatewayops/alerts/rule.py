"""Which rules make sense: kinds, what each is measured in, and bounds. Pure."""

from enum import StrEnum

from gatewayops.base.errors import InvalidInput
from gatewayops.store.control.alert_rules import RuleSpec
from gatewayops.store.telemetry.alert_sql import PERCENTILES


class Kind(StrEnum):
    """What a rule watches."""

    ERROR_RATE = "error_rate"
    LATENCY = "latency_percentile"
    VOLUME = "call_volume"
    LIMIT_HITS = "rate_limit_hits"
    BUDGET = "budget_threshold"
    AUTH_FAILURES = "auth_failures"
    UNUSUAL = "unusual"
    SLO_BURN = "slo_burn"


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


SPLITS = ("", "server", "tool", "team")
STEPS_S = (300, 600, 900, 1_800, 3_600)  # windows of unusual: they fit into an hour
MAX_WINDOW_S = 86_400
_LEAST_RECOVERY_S = 60.0
_NO_SCOPE = (Kind.BUDGET, Kind.SLO_BURN)


def check(spec: RuleSpec) -> None:
    """Raises InvalidInput that names the field."""
    kind = Kind(spec.kind)
    faults = (
        (spec.threshold > 0, "threshold: more than 0"),
        (kind is not Kind.ERROR_RATE or spec.threshold <= 100, "threshold: per cent, at most 100"),
        (kind is not Kind.UNUSUAL or spec.threshold >= 2, "threshold: at least 2 deviations"),
        (spec.split_by in SPLITS, "split_by: server, tool or team"),
        (not spec.tool or bool(spec.server), "tool: name its server too"),
        (
            kind is not Kind.LATENCY or spec.percentile in PERCENTILES,
            f"percentile: one of {', '.join(map(str, PERCENTILES))}",
        ),
        (
            kind is not Kind.UNUSUAL or spec.window_s in STEPS_S,
            f"window_s: of unusual one of {', '.join(map(str, STEPS_S))}",
        ),
        (
            spec.direction == "above" or (kind is Kind.VOLUME and not spec.split_by),
            "direction: only call_volume without split_by may be below",
        ),
        ((kind is Kind.SLO_BURN) == bool(spec.slo_id), "slo: what slo_burn watches, and nothing else"),
        (
            kind not in _NO_SCOPE or not (spec.server or spec.tool or spec.team_id or spec.split_by),
            f"server, tool, team, split_by: not with {kind}",
        ),
    )
    for holds, fault in faults:
        if not holds:
            raise InvalidInput(fault)


def recovery_s(spec: RuleSpec) -> float:
    """How long a rule must have been clear before its incident is over."""
    return max(_LEAST_RECOVERY_S, spec.for_s)
