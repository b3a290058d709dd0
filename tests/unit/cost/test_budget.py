"""The decisions about budgets: periods, thresholds, the forecast, and what is reserved."""

from datetime import UTC, date, datetime

import pytest

from gatewayops.cost.budget import (
    Period,
    Span,
    forecast,
    remaining_micros,
    span_at,
    thresholds_reached,
    with_grace,
)
from gatewayops.cost.budgets.estimate import Estimates
from gatewayops.cost.prices import FREE, Price

SPAN = Span(date(2025, 10, 1), date(2025, 11, 1))


@pytest.mark.parametrize(
    ("period", "moment", "start", "end"),
    [
        pytest.param("day", "2025-10-09T23:59:59.999Z", "2025-10-09", "2025-10-10", id="day"),
        pytest.param("day", "2025-10-10T00:30:00+02:00", "2025-10-09", "2025-10-10", id="another zone"),
        pytest.param("week", "2025-10-05T12:00:00Z", "2025-09-29", "2025-10-06", id="a Sunday"),
        pytest.param("week", "2025-10-06T00:00:00Z", "2025-10-06", "2025-10-13", id="a Monday"),
        pytest.param("month", "2024-02-29T12:00:00Z", "2024-02-01", "2024-03-01", id="leap day"),
        pytest.param("month", "2025-12-31T12:00:00Z", "2025-12-01", "2026-01-01", id="December"),
    ],
)
def test_periods_are_the_calendars(period, moment, start, end):
    span = span_at(Period(period), datetime.fromisoformat(moment))
    assert (span.start.isoformat(), span.end.isoformat()) == (start, end)
    assert span.start_s <= datetime.fromisoformat(moment).timestamp() < span.end_s


@pytest.mark.parametrize(
    ("spent", "reached"),
    [(0, ()), (49, ()), (50, (50,)), (99, (50, 80)), (100, (50, 80, 100)), (900, (50, 80, 100))],
)
def test_thresholds(spent, reached):
    assert thresholds_reached(100, spent) == reached


def test_a_budget_of_nothing_is_reached_by_anything():
    assert thresholds_reached(0, 0) == ()
    assert thresholds_reached(0, 1) == (50, 80, 100)
    assert (remaining_micros(5, 9), with_grace(200, 15)) == (0, 230)


@pytest.mark.parametrize(
    ("now", "spent", "by_day", "expected", "exceeded"),
    [
        pytest.param("2025-10-11", 100, {1: 100}, 310, None, id="goes on as in the ten days of the period"),
        pytest.param("2025-10-11", 200, {1: 200}, 620, "2025-10-16", id="passes 310 five days on"),
        pytest.param("2025-10-11", 310, {1: 310}, 961, "2025-10-11", id="is passed"),
        pytest.param("2025-10-11", 20, {9: 20}, 230, None, id="counts from the first day with spending"),
        pytest.param("2025-10-11", 0, {}, 0, None, id="nothing spent"),
    ],
)
def test_a_forecast(now, spent, by_day, expected, exceeded):
    found = forecast(
        span=SPAN,
        now=datetime.fromisoformat(now).replace(tzinfo=UTC),
        limit_micros=310,
        spent_micros=spent,
        by_day={date(2025, 10, day): micros for day, micros in by_day.items()},
    )
    assert found.expected_micros == expected
    assert (found.exceeded_at and found.exceeded_at.date().isoformat()) == exceeded


def test_a_young_period_leans_on_the_days_before():
    day = Span(date(2025, 10, 9), date(2025, 10, 10))
    by_day = {date(2025, 10, number): 24 for number in range(2, 9)}
    found = forecast(
        span=day, now=datetime(2025, 10, 9, 12, tzinfo=UTC), limit_micros=1_000, spent_micros=12,
        by_day=by_day | {date(2025, 10, 9): 12},
    )  # fmt: skip
    assert found.expected_micros == 24


class TestEstimates:
    DEAR = Price(per_call_micros=1_000, input_micros_per_mtok=10_000_000, output_micros_per_mtok=30_000_000)

    @pytest.fixture
    def estimate(self):
        return Estimates(min_output_tokens=50).of("org", "s", "t")

    def test_what_is_known_is_reserved_exactly(self, estimate):
        assert estimate.micros(Price(per_call_micros=10_000), 1_000) == 10_000
        assert estimate.micros(Price(7, input_micros_per_mtok=10_000_000), 100) == 1_007

    def test_output_is_the_minimum_until_an_answer_was_seen_then_the_largest(self, estimate):
        assert estimate.micros(self.DEAR, 100) == 1_000 + 1_000 + 1_500
        for tokens in (10, 30, 20):
            estimate.saw(tokens, 1_000.0)
        assert estimate.micros(self.DEAR, 100) == 1_000 + 1_000 + 900

    def test_a_large_answer_is_forgotten_after_ten_minutes_at_most(self, estimate):
        estimate.saw(500, 1_000.0)
        estimate.saw(3, 1_300.0)
        assert estimate.output_tokens == 500
        estimate.saw(4, 1_600.0)
        assert estimate.output_tokens == 4

    def test_what_has_any_price_reserves_something_and_what_is_free_nothing(self):
        estimate = Estimates(min_output_tokens=0).of("org", "s", "t")
        assert estimate.micros(Price(output_micros_per_mtok=1), 0) == 1
        assert estimate.micros(FREE, 1_000) == 0

    def test_memory_is_bounded(self):
        estimates = Estimates(min_output_tokens=1)
        first = estimates.of("org", "s", "0")
        assert estimates.of("org", "s", "0") is first
        for number in range(10_000):
            estimates.of("org", "s", str(number))
        estimates.of("org", "s", "one more")
        assert len(estimates._known) == 1
