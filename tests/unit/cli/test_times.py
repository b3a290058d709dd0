"""Times as people type them."""

from datetime import UTC, datetime, timedelta

import pytest

from gatewayops.cli import times
from gatewayops.cli.root import WrongUsage

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("90s", timedelta(seconds=90)), ("15m", timedelta(minutes=15)), ("1h", timedelta(hours=1)),
     ("30d", timedelta(days=30)), ("2w", timedelta(weeks=2))],
)  # fmt: skip
def test_lengths_of_time(typed, meant):
    assert times.span(typed, option="--last") == meant


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (59, "59s"), (300, "5m"), (5400, "90m"), (7200, "2h"), (172_800, "2d")]
)
def test_lengths_are_shown_as_they_are_typed(seconds, shown):
    assert times.length(seconds) == shown


@pytest.mark.parametrize("typed", ["", "0h", "h", "1y", "-1h", "1 hour", "9999999d"])
def test_a_length_that_is_none_names_the_option(typed):
    with pytest.raises(WrongUsage, match="--last"):
        times.span(typed, option="--last")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("30d", "2026-05-31T12:00:00Z"), ("2027-01-01", "2027-01-01T00:00:00Z"),
     ("2027-01-01T02:00:00+02:00", "2027-01-01T00:00:00Z")],
)  # fmt: skip
def test_an_expiry_is_a_length_from_now_or_a_moment(typed, meant):
    assert times.expiry(typed, NOON) == meant
