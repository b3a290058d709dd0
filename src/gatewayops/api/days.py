"""The period of a question in whole UTC days, as query parameters: `start_date` and `end_date`."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from gatewayops.api import periods
from gatewayops.api.shapes import LateShape
from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput

_DEFAULT_DAYS = timedelta(days=29)
_DAY = timedelta(days=1)


class Period(LateShape):
    """Days in UTC, both included."""

    start: str = Field(examples=["2026-01-01"])
    end: str


class Days(LateShape):
    """The period asked for, and in Unix nanoseconds (the end excluded)."""

    start_ns: int
    end_ns: int
    period: Period

    @property
    def before(self) -> "Days":
        """As many days just before."""
        return days_between(2 * self.start_ns - self.end_ns, self.start_ns)


def days_between(start_ns: int, end_ns: int) -> Days:
    """Of two midnights in UTC."""
    last_ns = end_ns - _DAY // timedelta(microseconds=1) * 1_000
    return Days(
        start_ns=start_ns,
        end_ns=end_ns,
        period=Period(start=periods.iso(start_ns)[:10], end=periods.iso(last_ns)[:10]),
    )


def _days(
    start_date: Annotated[str, Query(description="YYYY-MM-DD; 30 days back when left out")] = "",
    end_date: Annotated[str, Query(description="YYYY-MM-DD, included; today when left out")] = "",
) -> Days:
    last = periods.day("end_date", end_date or clock.now().date().isoformat())
    first = periods.day("start_date", start_date) if start_date else last - _DEFAULT_DAYS
    if first > last:
        msg = "start_date: must not be after end_date"
        raise InvalidInput(msg)
    return days_between(periods.unix_ns(first), periods.unix_ns(last + _DAY))


DaysAsked = Annotated[Days, Depends(_days)]
