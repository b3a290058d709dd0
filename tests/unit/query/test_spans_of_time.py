"""A page of traces is looked for in a short while first, and in the end in all of the range."""

import pytest

from gatewayops.query.traces import spans_of_time

MINUTE_NS = 60 * 10**9


@pytest.mark.parametrize("minutes", [0, 1, 40, 60 * 24, 60 * 24 * 365])
def test_the_last_look_is_at_everything(minutes):
    starts = spans_of_time(0, minutes * MINUTE_NS)

    assert starts[-1] == 0
    assert starts == sorted(starts, reverse=True)
    assert len(starts) <= 3


def test_a_day_is_looked_at_from_its_end():
    day_ns = 24 * 60 * MINUTE_NS

    assert spans_of_time(0, day_ns) == [day_ns - day_ns // 512, day_ns - day_ns // 32, 0]
