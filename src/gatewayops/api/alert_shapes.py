"""The bodies of `/v1/alerts/rules`, `slos` and `silences`."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from gatewayops.alerts.reading import Attained
from gatewayops.alerts.rule import MAX_WINDOW_S, Kind, Severity
from gatewayops.api.shapes import Body, LateShape, Listed, Moment, Name, Ref
from gatewayops.store.control.alert_rules import Rule, Silence, Slo

Threshold = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
WindowS = Annotated[int, Field(ge=10, le=MAX_WINDOW_S)]
ForS = Annotated[int, Field(ge=0, le=MAX_WINDOW_S)]
MinCalls = Annotated[int, Field(ge=0, le=1_000_000_000)]
Percentile = Annotated[int, Field(ge=1, le=99)]
Direction = Annotated[str, Field(pattern="^(above|below)$")]
Measure = Annotated[str, Field(pattern="^(calls|errors)$")]
Split = Annotated[str, Field(pattern="^(server|tool|team)?$")]
Channels = Annotated[list[Name], Field(max_length=50)]
Objective = Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False, examples=[99.5])]
PeriodDays = Annotated[int, Field(ge=1, le=90)]
Reason = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]


class NewRule(Body):
    """When somebody is to be told.

    `threshold`: per cent for error_rate and budget_threshold; milliseconds for latency_percentile; a number
    of calls within `window_s` for call_volume, rate_limit_hits and auth_failures; deviations for unusual; for
    slo_burn a factor on the usual burn rates (1: 14.4 times over an hour, 6 times over six). `split_by` makes
    an incident of each server, tool or team. Channels are ids or names; without any, those marked `for_all`.
    """

    name: Name
    kind: Kind
    server: Ref = ""
    tool: Ref = ""
    team: Ref = Field(default="", description="id or name")
    split_by: Split = ""
    direction: Direction = "above"
    measure: Measure = "calls"
    threshold: Threshold = 1.0
    percentile: Percentile = 95
    window_s: WindowS = 300
    for_s: ForS = 0
    min_calls: MinCalls = 0
    severity: Severity = Severity.WARNING
    channels: Channels = Field(default=[])
    slo: Ref = Field(default="", description="id or name, of slo_burn")
    enabled: bool = True


class RuleChange(Body):
    """What is left out stays. The kind and the objective never change: make another rule."""

    name: Name | None = None
    server: Ref | None = None
    tool: Ref | None = None
    team: Ref | None = None
    split_by: Split | None = None
    direction: Direction | None = None
    measure: Measure | None = None
    threshold: Threshold | None = None
    percentile: Percentile | None = None
    window_s: WindowS | None = None
    for_s: ForS | None = None
    min_calls: MinCalls | None = None
    severity: Severity | None = None
    channels: Channels | None = None
    enabled: bool | None = None


class RuleBody(LateShape):
    """A rule and how it stands: `ok`, `pending`, `firing`, or `off`."""

    id: str
    name: str
    kind: Kind
    server: str
    tool: str
    team: str
    split_by: str
    direction: str
    measure: str
    threshold: float
    percentile: int
    window_s: int
    for_s: int
    min_calls: int
    severity: Severity
    channels: list[str]
    slo: str
    enabled: bool
    state: str
    created_at: datetime
    updated_at: datetime


class OneRule(LateShape):
    """The answer about one rule."""

    rule: RuleBody


class RuleList(Listed):
    """A page of rules."""

    rules: list[RuleBody]


class Restored(LateShape):
    """The default rules that were missing and are there again."""

    rules: list[RuleBody]


class NewSlo(Body):
    """What share of a server's or a tool's calls shall succeed, over how many days."""

    name: Name
    server: Name
    tool: Ref = ""
    objective: Objective
    period_days: PeriodDays = 30


class SloChange(Body):
    """What is left out stays."""

    name: Name | None = None
    objective: Objective | None = None
    period_days: PeriodDays | None = None


class SloBody(LateShape):
    """An objective."""

    id: str
    name: str
    server: str
    tool: str
    objective: float = Field(description="per cent of the calls that shall succeed")
    period_days: int
    created_at: datetime


class SloStanding(LateShape):
    """How an objective stands over its period until now; calls refused for the caller's sake don't count."""

    calls: int
    failures: int
    attained: float = Field(description="per cent")
    budget_left: float = Field(description="per cent of the failures allowed; negative when there were more")


class OneSlo(LateShape):
    """The answer about one objective."""

    slo: SloBody


class SloDetail(OneSlo):
    """An objective and how it stands."""

    standing: SloStanding


class SloList(Listed):
    """A page of objectives."""

    slos: list[SloBody]


class NewSilence(Body):
    """Incidents that fit all that is given tell nobody until then; empty means any. `rule`: id or name."""

    rule: Ref = ""
    server: Ref = ""
    tool: Ref = ""
    severity: Severity | None = None
    until: Moment
    reason: Reason


class SilenceBody(LateShape):
    """A silence."""

    id: str
    rule_id: str
    server: str
    tool: str
    severity: str
    until: datetime
    reason: str
    made_by: str
    created_at: datetime


class OneSilence(LateShape):
    """The answer about one silence."""

    silence: SilenceBody


class SilenceList(Listed):
    """A page of silences."""

    silences: list[SilenceBody]


_SAME = (
    *("name", "server", "tool", "split_by", "direction", "measure"),
    *("threshold", "percentile", "window_s", "for_s", "min_calls"),
)


def rule_body(rule: Rule, states: dict[str, Any]) -> RuleBody:
    """A rule with the worst of its states."""
    spec = rule.spec
    is_firing = any(value["standing"].get("is_firing") for value in states.values())
    state = "off" if not spec.is_enabled else "firing" if is_firing else "pending" if states else "ok"
    return RuleBody(
        id=rule.id,
        kind=Kind(spec.kind),
        team=spec.team_id,
        severity=Severity(spec.severity),
        channels=list(spec.channels),
        slo=spec.slo_id,
        enabled=spec.is_enabled,
        state=state,
        created_at=rule.created_at,
        updated_at=rule.updated_at,
        **{name: getattr(spec, name) for name in _SAME},
    )


def slo_body(slo: Slo) -> SloBody:
    """An objective."""
    spec = slo.spec
    return SloBody(
        id=slo.id,
        name=spec.name,
        server=spec.server,
        tool=spec.tool,
        objective=spec.objective_percent,
        period_days=spec.period_days,
        created_at=slo.created_at,
    )


def standing_body(slo: Slo, attained: Attained) -> SloStanding:
    """How it stands."""
    return SloStanding(
        calls=attained.calls,
        failures=attained.failures,
        attained=attained.percent,
        budget_left=attained.budget_left_percent(slo.spec.objective_percent),
    )


def silence_body(silence: Silence) -> SilenceBody:
    """A silence."""
    spec = silence.spec
    return SilenceBody(
        id=silence.id,
        rule_id=spec.rule_id,
        server=spec.server,
        tool=spec.tool,
        severity=spec.severity,
        until=spec.until,
        reason=spec.reason,
        made_by=silence.made_by,
        created_at=silence.created_at,
    )
