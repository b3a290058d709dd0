"""What is unusual in a series with a weekly pattern. Pure.

A window is compared with the same hour of the week in the weeks before, brought to the level that the last
day had: their median says what to expect, their median absolute deviation how far values stray. A window is
unusual when it strays further than `deviations` of that, and by enough calls to matter. Two of the last
three windows, on the same side, make a verdict: a single odd window is nobody's business at night.
"""

from statistics import median

import msgspec

from gatewayops.alerts.figures import Odd

WEEK_S = 7 * 86_400
WEEKS = 4
_HOUR_S, _DAY_S = 3_600, 86_400
_LEAST_SAMPLES = 8
_TO_DEVIATION = 1.4826  # of a normal distribution
_LEAST_SHARE = 0.1  # of what is expected: no series is more regular than this
_LOOK_AT, _AT_LEAST = 3, 2
_LEVEL_SAMPLES = 48  # of a day
_MAX_LEVEL = 1.6  # a day that was busier than that is no measure


class Series(msgspec.Struct, frozen=True):
    """Values of equal windows without gaps, oldest first."""

    values: tuple[float, ...]
    step_s: int


def judge(series: Series, *, deviations: float, least_impact: float) -> Odd:
    """The last of those windows that are unusual on the same side; side 0 when there are not enough."""
    count = len(series.values)
    judged = [
        _window(series, at, deviations=deviations, least_impact=least_impact)
        for at in range(max(0, count - _LOOK_AT), count)
    ]
    for side in (1, -1):
        odd = [one for one in judged if one.side == side]
        if len(odd) >= _AT_LEAST:
            return odd[-1]
    return msgspec.structs.replace(judged[-1], side=0) if judged else Odd(0, 0.0, 0.0, 0.0)


def _window(series: Series, at: int, *, deviations: float, least_impact: float) -> Odd:
    value = series.values[at]
    samples = _same_hours(series, at)
    if len(samples) < _LEAST_SAMPLES:
        return Odd(0, value, 0.0, 0.0)
    expected = median(samples)
    spread = max(
        _TO_DEVIATION * median(abs(sample - expected) for sample in samples),
        _LEAST_SHARE * expected,
        max(expected, 1.0) ** 0.5,  # what counting alone makes them stray
    )
    away = (value - expected) / spread
    is_odd = abs(away) >= deviations and abs(value - expected) >= least_impact
    return Odd((1 if away > 0 else -1) if is_odd else 0, value, expected, away)


def _same_hours(series: Series, at: int) -> list[float]:
    """The windows around the same time of the week in the weeks before, brought to the level of today."""
    a_week = WEEK_S // series.step_s
    around = max(1, _HOUR_S // series.step_s // 2)
    found: list[float] = []
    for week in range(1, WEEKS + 1):
        middle = at - week * a_week
        if middle < around:
            break
        level = _level(series, at, middle)
        found += [value * level for value in series.values[middle - around : middle + around + 1]]
    return found


def _level(series: Series, now: int, then: int) -> float:
    """How busy the day before `now` was, next to the day before `then`: half of its windows were busier."""
    values, a_day = series.values, _DAY_S // series.step_s
    windows = range(_LOOK_AT - 1, min(a_day, then), max(1, a_day // _LEVEL_SAMPLES))
    ratios = [values[now - back] / values[then - back] for back in windows if values[then - back]]
    return min(_MAX_LEVEL, max(1 / _MAX_LEVEL, median(ratios))) if ratios else 1.0
