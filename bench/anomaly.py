"""python -m bench.anomaly: what the detector of unusual calls finds on generated series with known incidents.

Each series has a pattern by the hour of the week, noise beyond what counting makes, weeks that differ, a
slow trend. After four weeks of history an incident is put into each week: calls drop or spike for 45 minutes
to six hours. Only incidents that change at least the rule's least number of calls a window count: that is
what the floor is for. A false alert begins where no incident is, nor ended within an hour.
"""

import argparse
import math
import random
from dataclasses import dataclass

from gatewayops.alerts import detectors, seasonal
from gatewayops.alerts.defaults import UNUSUAL
from gatewayops.alerts.figures import Group
from gatewayops.alerts.rule import recovery_s
from gatewayops.alerts.seasonal import WEEK_S, WEEKS, Series
from gatewayops.alerts.standing import Change, Standing, step

_STEP_S = UNUSUAL.window_s
_A_WEEK = WEEK_S // _STEP_S
_AN_HOUR = 3_600 // _STEP_S
_GOALS = (0.90, 0.05)


@dataclass(frozen=True)
class Incident:
    """Windows `first` up to `end`; calls are multiplied by `factor`."""

    first: int
    end: int
    factor: float


def _rates(chance: random.Random, weeks: int) -> list[float]:
    """What to expect of each window: calls for people at work, for machines, or a mix."""
    level = 10 ** chance.uniform(1.0, 2.7)
    swing, peak, weekend = chance.uniform(0.2, 0.9), chance.uniform(9, 17), chance.uniform(0.2, 1.0)
    trend, drift, noise = chance.uniform(-0.03, 0.05), 0.0, chance.uniform(0.02, 0.12)
    found = []
    for week in range(weeks):
        of_week = math.exp(chance.gauss(0, 0.06)) * (1 + trend) ** week
        for at in range(_A_WEEK):
            hour, day = at / _AN_HOUR % 24, at // (_AN_HOUR * 24)
            daily = 1 - swing + swing * (1 + math.cos((hour - peak) / 24 * math.tau)) / 2
            drift = 0.95 * drift + chance.gauss(0, noise * 0.3)  # what lasts for hours
            strays = math.exp(drift + chance.gauss(0, noise))
            found.append(level * daily * (weekend if day >= 5 else 1.0) * of_week * strays)
    return found


def _incidents(chance: random.Random, rates: list[float], weeks: int) -> list[Incident]:
    """One in each week after the history, where it matters."""
    found = []
    for week in range(WEEKS, weeks):
        for _ in range(200):
            length = chance.randint(3, 6 * _AN_HOUR)
            first = week * _A_WEEK + chance.randrange(_A_WEEK - length - 2 * _AN_HOUR)
            factor = chance.uniform(0.0, 0.4) if chance.random() < 0.5 else chance.uniform(2.0, 4.0)
            usual = sum(rates[first : first + length]) / length
            if abs(factor - 1) * usual >= UNUSUAL.min_calls:
                found.append(Incident(first, first + length, factor))
                break
    return found


def _counted(chance: random.Random, mean: float) -> int:
    """Poisson; of many, the normal distribution is as good."""
    if mean > 200:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count


def _alerts(values: list[int]) -> list[int]:
    """The windows in which incidents begin, as the evaluator would see them."""
    found, standing = [], None
    before: Standing | None = standing
    group = Group(key="", subject="calls")
    for at in range(WEEKS * _A_WEEK, len(values)):
        oldest = max(0, at - (WEEKS + 1) * _A_WEEK)
        series = Series(tuple(values[oldest : at + 1]), _STEP_S)
        odd = seasonal.judge(series, deviations=UNUSUAL.threshold, least_impact=UNUSUAL.min_calls)
        verdict = detectors.judge(UNUSUAL, group, odd)
        for now_s in (at * _STEP_S, at * _STEP_S + recovery_s(UNUSUAL)):
            before, change = step(
                before, verdict, now_s=now_s, for_s=UNUSUAL.for_s, recovery_s=recovery_s(UNUSUAL)
            )
            if change is Change.FIRES:
                found.append(at)
    return found


def _is_of(at: int, incident: Incident) -> bool:
    return incident.first <= at < incident.end + _AN_HOUR


def main() -> None:
    """Prints recall and false alerts; exit code 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.anomaly")
    parser.add_argument("--series", type=int, default=150)
    parser.add_argument("--weeks", type=int, default=4, help="after four weeks of history")
    parser.add_argument("--seed", type=int, default=4)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    weeks = WEEKS + asked.weeks
    incidents = found = false = 0
    delays: list[int] = []
    missed: list[float] = []
    for _ in range(asked.series):
        rates = _rates(chance, weeks)
        known = _incidents(chance, rates, weeks)
        for incident in known:
            for at in range(incident.first, incident.end):
                rates[at] *= incident.factor
        alerts = _alerts([_counted(chance, rate) for rate in rates])
        for incident in known:
            when = next((at for at in alerts if _is_of(at, incident)), None)
            if when is None:
                missed.append(incident.factor)
            else:
                delays.append((when - incident.first + 1) * _STEP_S // 60)
        incidents, found = incidents + len(known), incidents + len(known) - len(missed)
        false += sum(not any(_is_of(at, incident) for incident in known) for at in alerts)
    recall, rate = found / incidents, false / (asked.series * asked.weeks)
    print(
        f"{asked.series} series, {asked.weeks} weeks each, windows of {_STEP_S // 60} minutes, "
        f"seed {asked.seed}"
    )
    print(f"incidents    {incidents}, found {found}: recall {recall:.3f} (goal >= {_GOALS[0]:.2f})")
    print(f"false alerts {false}: {rate:.3f} a series and week (goal <= {_GOALS[1]:.2f})")
    print(f"found after  {sorted(delays)[len(delays) // 2]} minutes (median)")
    drops = sum(factor < 1 for factor in missed)
    print(f"missed       {drops} drops, {len(missed) - drops} spikes")
    raise SystemExit(0 if recall >= _GOALS[0] and rate <= _GOALS[1] else 1)


if __name__ == "__main__":
    main()
