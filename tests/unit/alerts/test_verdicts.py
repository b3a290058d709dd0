"""What figures mean for rules, as tables."""

import math
import random

import msgspec
import pytest

from gatewayops.alerts import detectors, rule, seasonal
from gatewayops.alerts.defaults import DEFAULT_RULES, UNUSUAL
from gatewayops.alerts.figures import Burn, Counts, Group, Spent
from gatewayops.alerts.seasonal import Series
from gatewayops.base.errors import InvalidInput
from gatewayops.store.control.alert_rules import RuleSpec

FILES = Group("files", "files", "files")
ERRORS = RuleSpec(name="r", kind="error_rate", threshold=20.0, min_calls=10)
LATENCY = RuleSpec(name="r", kind="latency_percentile", threshold=1000.0, min_calls=10)
QUIET = RuleSpec(name="r", kind="call_volume", direction="below", threshold=10.0)
BUSY = RuleSpec(name="r", kind="call_volume", threshold=10.0)
LIMITED = RuleSpec(name="r", kind="rate_limit_hits", threshold=5.0)
KEYLESS = RuleSpec(name="r", kind="auth_failures", threshold=5.0)
SPENT = RuleSpec(name="r", kind="budget_threshold", threshold=80.0)


@pytest.mark.parametrize(
    ("spec", "sample", "expected"),
    [
        pytest.param(ERRORS, Counts(10, 10, 2), "breach", id="20% of 10 calls"),
        pytest.param(ERRORS, Counts(9, 9, 9), "clear", id="all of too few calls"),
        pytest.param(ERRORS, Counts(100, 100, 19), "between", id="just below keeps what fires"),
        pytest.param(ERRORS, Counts(100, 100, 17), "clear", id="well below"),
        pytest.param(ERRORS, Counts(100, 10, 2), "breach", id="refused calls don't count"),
        pytest.param(ERRORS, Counts(0), "clear", id="no calls"),
        pytest.param(LATENCY, Counts(10, 10, latency_ms=1000.0), "breach", id="slow"),
        pytest.param(LATENCY, Counts(10, 10, latency_ms=950.0), "between", id="nearly slow"),
        pytest.param(LATENCY, Counts(9, 9, latency_ms=9000.0), "clear", id="slow, of few calls"),
        pytest.param(QUIET, Counts(0), "breach", id="silence"),
        pytest.param(QUIET, Counts(9), "breach", id="too few"),
        pytest.param(QUIET, Counts(11), "between", id="hardly enough"),
        pytest.param(QUIET, Counts(12), "clear", id="enough"),
        pytest.param(BUSY, Counts(10), "breach", id="too many"),
        pytest.param(LIMITED, Counts(90, limited=5), "breach", id="limits met"),
        pytest.param(LIMITED, Counts(90, refused=9), "clear", id="no limits met"),
        pytest.param(KEYLESS, Counts(90, refused=5), "breach", id="no valid keys"),
        pytest.param(KEYLESS, Counts(90, limited=9), "clear", id="valid keys"),
        pytest.param(SPENT, Spent(80.0, "day"), "breach", id="budget reached"),
        pytest.param(SPENT, Spent(79.9, "day"), "clear", id="budget not reached"),
    ],
)
def test_figures_are_a_breach_clear_or_between(spec, sample, expected):
    verdict = detectors.judge(spec, FILES, sample)

    assert {(True, False): "breach", (False, True): "clear", (False, False): "between"}[
        verdict.is_breach, verdict.is_clear
    ] == expected


def burn(h1, m5, h6, m30, *, objective=99.0, days=30):
    """Failures of 1,000 calls in each window; 1% of them are allowed."""
    failures = {"h1": h1, "m5": m5, "h6": h6, "m30": m30}
    return Burn(dict.fromkeys(failures, 1000), failures, objective, days)


@pytest.mark.parametrize(
    ("sample", "is_breach"),
    [
        pytest.param(burn(144, 144, 0, 0), True, id="14.4 times, in an hour and still"),
        pytest.param(burn(144, 100, 24, 50), False, id="in an hour, and over"),
        pytest.param(burn(100, 900, 20, 50), False, id="only now"),
        pytest.param(burn(60, 60, 60, 60), True, id="6 times, in six hours and still"),
        pytest.param(burn(59, 59, 60, 59), False, id="in six hours, and slower"),
        pytest.param(burn(34, 34, 14, 14, days=7), True, id="a week's budget burns at a lower rate"),
        pytest.param(burn(15, 15, 1, 1, objective=99.9), True, id="a stricter objective"),
    ],
)
def test_an_objective_is_in_danger_when_a_long_and_a_short_window_burn(sample, is_breach):
    spec = RuleSpec(name="r", kind="slo_burn", threshold=1.0, slo_id="slo", min_calls=100)

    assert detectors.judge(spec, FILES, sample).is_breach == is_breach


def test_few_calls_burn_nothing():
    spec = RuleSpec(name="r", kind="slo_burn", threshold=1.0, slo_id="slo", min_calls=2000)

    assert not detectors.judge(spec, FILES, burn(900, 900, 900, 900)).is_breach


def weeks_of(level, *, last=()):
    """Four weeks and a day of quarters of an hour with a daily pattern and a little noise; `last` ends it."""
    chance = random.Random(1)
    count = 29 * 96 - len(last)
    values = [
        level * (1.2 + math.sin(at / 96 * math.tau)) * chance.uniform(0.95, 1.05) for at in range(count)
    ]
    usual = [level * (1.2 + math.sin(at / 96 * math.tau)) for at in range(count, count + len(last))]
    values += [factor * value for factor, value in zip(last, usual, strict=True)]
    return Series(tuple(values), 900)


@pytest.mark.parametrize(
    ("series", "is_breach"),
    [
        pytest.param(weeks_of(200, last=(1, 1, 1)), False, id="as usual"),
        pytest.param(weeks_of(200, last=(1, 3, 3)), True, id="a spike"),
        pytest.param(weeks_of(200, last=(0.1, 1, 0.1)), True, id="a drop, two of three windows"),
        pytest.param(weeks_of(200, last=(1, 1, 3)), False, id="one odd window"),
        pytest.param(weeks_of(200, last=(1, 3, 0)), False, id="odd on both sides"),
        pytest.param(weeks_of(2, last=(1, 3, 3)), False, id="odd, but of no consequence"),
        pytest.param(Series((500.0, 0.0, 500.0) * 9, 900), False, id="no weeks to compare with"),
    ],
)
def test_calls_are_unusual_next_to_the_same_hour_of_the_weeks_before(series, is_breach):
    odd = seasonal.judge(series, deviations=UNUSUAL.threshold, least_impact=UNUSUAL.min_calls)

    assert detectors.judge(UNUSUAL, FILES, odd).is_breach == is_breach


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"threshold": 101.0}, "threshold"),
        ({"kind": "unusual", "threshold": 1.0, "window_s": 900}, "threshold"),
        ({"kind": "unusual", "threshold": 5.0, "window_s": 1000}, "window_s"),
        ({"kind": "latency_percentile", "percentile": 42}, "percentile"),
        ({"tool": "read"}, "server"),
        ({"direction": "below"}, "direction"),
        ({"kind": "call_volume", "direction": "below", "split_by": "server"}, "direction"),
        ({"kind": "slo_burn"}, "slo"),
        ({"slo_id": "slo_1"}, "slo"),
        ({"kind": "budget_threshold", "server": "files"}, "budget_threshold"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_the_field(changes, named):
    with pytest.raises(InvalidInput, match=named):
        rule.check(msgspec.structs.replace(ERRORS, **changes))


def test_the_default_rules_make_sense_and_have_names_of_their_own():
    for spec in DEFAULT_RULES:
        rule.check(spec)
    assert len({spec.name for spec in DEFAULT_RULES}) == len(DEFAULT_RULES)
