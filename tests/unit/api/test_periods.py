"""Times at the border of the API."""

from datetime import UTC, datetime

import pytest

from gatewayops.api import periods
from gatewayops.base.errors import InvalidInput


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-15T10:30:00Z",
        "2026-01-15T10:30:00",
        "2026-01-15 10:30:00",
        "2026-01-15T12:30:00+02:00",
        "2026-01-15T12:30:00 02:00",
        " 2026-01-15T10:30Z ",
    ],
)
def test_forms_of_one_moment(text):
    assert periods.moment("t", text, is_end=False) == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "now", "2026-02-30", "1768472000", "2026-01-15T25:00:00Z", "0001-01-01T00:00:00+23:00x"]
)
def test_what_is_no_moment_names_its_field(text):
    with pytest.raises(InvalidInput, match="start_time:"):
        periods.moment("start_time", text, is_end=False)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1812-06-24", "9999-12-31T23:59:59Z", "9998-12-31"])
def test_times_beyond_what_is_stored_do_no_harm(text):
    assert 0 <= periods.unix_ns(periods.moment("t", text, is_end=True)) < 2**63


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"])
def test_times_beyond_the_calendar_are_refused(text):
    with pytest.raises(InvalidInput, match="t:"):
        periods.moment("t", text, is_end=True)


def test_a_date_as_an_end_is_the_end_of_its_day():
    assert periods.moment("t", "2026-01-31", is_end=True) == datetime(2026, 2, 1, tzinfo=UTC)


def test_nanoseconds_are_shown_in_microseconds():
    ns = periods.unix_ns(datetime(2026, 1, 15, 10, 30, 0, 123456, tzinfo=UTC)) + 789

    assert periods.iso(ns) == "2026-01-15T10:30:00.123456Z"
    assert periods.iso(0) == "1970-01-01T00:00:00.000000Z"
    assert periods.ms(2_500_499) == 2.5
