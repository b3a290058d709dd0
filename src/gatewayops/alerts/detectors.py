"""What figures mean for a rule: one verdict a kind. Pure."""

from typing import assert_never

from gatewayops.alerts.figures import Burn, Counts, Group, Odd, Sample, Spent
from gatewayops.alerts.rule import Kind
from gatewayops.alerts.standing import Verdict
from gatewayops.store.control.alert_rules import RuleSpec

RECOVERED = 0.9  # of the threshold: clear below that
USUAL_PERIOD_DAYS = 30
# Google's SRE workbook, "Alerting on SLOs": of a 30 day budget, 2% in an hour, 5% in six.
BURNS = (("h1", "m5", 14.4), ("h6", "m30", 6.0))
_SHOWN = {"h1": "1 hour", "m5": "5 minutes", "h6": "6 hours", "m30": "30 minutes"}


def judge(spec: RuleSpec, group: Group, sample: Sample) -> Verdict:
    """The verdict on one group's figures. They are of the kind that the rule's kind is judged by."""
    match sample:
        case Counts():
            return _counts(spec, group, sample)
        case Burn():
            return _burn(spec, group, sample)
        case Odd():
            return _odd(spec, group, sample)
        case Spent():
            summary = (
                f"{group.subject} has spent {_number(sample.percent)}% of its {sample.period}'s limit "
                f"(threshold {_number(spec.threshold)}%)"
            )
            is_breach = sample.percent >= spec.threshold
            return Verdict(is_breach, not is_breach, sample.percent, summary)
        case unreachable:
            assert_never(unreachable)


def of_nothing(spec: RuleSpec, subject: str) -> Verdict:
    """For a group of which there are no figures any more."""
    return Verdict(
        is_breach=False, is_clear=True, value=0.0, summary=f"no calls of {subject} in {_window(spec)}"
    )


def _counts(spec: RuleSpec, group: Group, counts: Counts) -> Verdict:
    where, window = group.subject, _window(spec)
    limit = _number(spec.threshold)
    match Kind(spec.kind):
        case Kind.ERROR_RATE:
            rate = 100 * counts.failures / counts.judged if counts.judged else 0.0
            failed = f"{_number(rate)}% of {counts.judged} calls of {where} failed"
            told = f"{failed} in {window} (threshold {limit}%)"
            return _above(spec, rate, told, is_enough=counts.judged >= spec.min_calls)
        case Kind.LATENCY:
            value = counts.latency_ms
            told = (
                f"p{spec.percentile} of {where} is {_number(value)} ms over {counts.judged} calls "
                f"in {window} (threshold {limit} ms)"
            )
            return _above(spec, value, told, is_enough=counts.judged >= spec.min_calls)
        case Kind.LIMIT_HITS:
            told = f"{counts.limited} calls of {where} met a rate limit in {window} (threshold {limit})"
            return _above(spec, counts.limited, told)
        case Kind.AUTH_FAILURES:
            told = f"{counts.refused} calls of {where} showed no valid key in {window} (threshold {limit})"
            return _above(spec, counts.refused, told)
        case _:
            told = f"{counts.calls} calls of {where} in {window} (threshold: {spec.direction} {limit})"
            if spec.direction == "above":
                return _above(spec, counts.calls, told)
            is_breach, is_clear = (
                counts.calls < spec.threshold,
                counts.calls >= spec.threshold / RECOVERED,
            )
            return Verdict(is_breach, is_clear, counts.calls, told)


def _above(spec: RuleSpec, value: float, summary: str, *, is_enough: bool = True) -> Verdict:
    return Verdict(
        is_breach=is_enough and value >= spec.threshold,
        is_clear=not is_enough or value < spec.threshold * RECOVERED,
        value=float(value),
        summary=summary,
    )


def _burn(spec: RuleSpec, group: Group, burn: Burn) -> Verdict:
    """Breached while a long window and a short one both burn too fast; the short one ends it soon."""
    allowed_percent = 100 - burn.objective_percent
    rates = {
        name: 100 * burn.failures[name] / (judged * allowed_percent) if judged else 0.0
        for name, judged in burn.judged.items()
    }
    worst = (0.0, "")
    is_breach, is_clear = False, True
    for long, short, usual in BURNS:
        limit = usual * spec.threshold * burn.period_days / USUAL_PERIOD_DAYS
        rate = min(rates[long], rates[short])
        is_breach |= rate >= limit and burn.judged[long] >= spec.min_calls
        is_clear &= rate < limit * RECOVERED
        told = (
            f"{group.subject} burns its error budget {_number(rates[long])} times as fast as its objective "
            f"of {burn.objective_percent:g}% allows over {_SHOWN[long]}, {_number(rates[short])} times over "
            f"{_SHOWN[short]} (threshold {_number(limit)})"
        )
        worst = max(worst, (rate / limit, told))
    longest, _, _ = BURNS[0]
    return Verdict(is_breach, is_clear and not is_breach, rates[longest], worst[1])


def _odd(spec: RuleSpec, group: Group, odd: Odd) -> Verdict:
    what = "failed calls" if spec.measure == "errors" else "calls"
    told = (
        f"{_number(odd.value)} {what} of {group.subject} in {_window(spec)}, where about "
        f"{_number(odd.expected)} are usual at this hour of the week "
        f"({_number(abs(odd.deviations))} deviations {'above' if odd.deviations > 0 else 'below'})"
    )
    is_breach = odd.side != 0
    return Verdict(is_breach, not is_breach, odd.value, told)


def _window(spec: RuleSpec) -> str:
    for unit, seconds in (("hour", 3_600), ("minute", 60)):
        if spec.window_s % seconds == 0:
            count = spec.window_s // seconds
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{spec.window_s} seconds"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
