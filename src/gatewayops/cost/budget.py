"""What a budget decides, as pure functions: its period, what is left, thresholds reached, the forecast.

Times are aware UTC, days are UTC days, money is whole micro-dollars. No I/O, nothing remembered.
"""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

import msgspec

THRESHOLDS = (50, 80, 100)  # per cent of the amount
RECENT_DAYS = 7
_DAY_S = 86_400
_LEAST_S = 3_600  # a forecast from less than an hour would say anything


class Scope(StrEnum):
    """Whose spending a budget bounds; a team's includes that of the teams below."""

    ORGANIZATION = "organization"
    TEAM = "team"
    PROJECT = "project"
    USER = "user"
    KEY = "key"


class Period(StrEnum):
    """Of the UTC calendar; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Span(msgspec.Struct, frozen=True):
    """One period: its first day, and the first day that is no longer in it."""

    start: date
    end: date

    @property
    def start_s(self) -> float:
        """The first moment, Unix seconds."""
        return _midnight(self.start).timestamp()

    @property
    def end_s(self) -> float:
        """The first moment after it, Unix seconds."""
        return _midnight(self.end).timestamp()


class Forecast(msgspec.Struct, frozen=True):
    """What will have been spent at the period's end, and when the amount is passed, if it is."""

    expected_micros: int
    exceeded_at: datetime | None


def span_at(period: Period, moment: datetime) -> Span:
    """The period that a moment lies in."""
    today = moment.astimezone(UTC).date()
    match period:
        case Period.DAY:
            return Span(today, today + timedelta(days=1))
        case Period.WEEK:
            monday = today - timedelta(days=today.weekday())
            return Span(monday, monday + timedelta(days=7))
        case Period.MONTH:
            first = today.replace(day=1)
            return Span(first, (first + timedelta(days=31)).replace(day=1))


def span_at_s(period: Period, unix_s: float) -> Span:
    """The same from Unix seconds."""
    return span_at(period, datetime.fromtimestamp(unix_s, UTC))


def remaining_micros(limit_micros: int, spent_micros: int) -> int:
    """What may still be spent, never below nothing."""
    return max(0, limit_micros - spent_micros)


def with_grace(limit_micros: int, grace_percent: int) -> int:
    """How far the calls of marked keys go on."""
    return limit_micros + limit_micros * grace_percent // 100


def thresholds_reached(limit_micros: int, spent_micros: int) -> tuple[int, ...]:
    """Those of THRESHOLDS that the spending has reached (of nothing: all, once anything is)."""
    if spent_micros <= 0:
        return ()
    return tuple(percent for percent in THRESHOLDS if spent_micros * 100 >= limit_micros * percent)


def forecast(
    *, span: Span, now: datetime, limit_micros: int, spent_micros: int, by_day: dict[date, int]
) -> Forecast:
    """Linear: the mean spending since the period began or over the last seven days, whichever began earlier.

    `by_day` has what was spent on the days of both; it begins to count with the first day that is in it.
    """
    today = now.astimezone(UTC).date()
    since = min(span.start, today - timedelta(days=RECENT_DAYS))
    days = [day for day in by_day if since <= day <= today]
    if not days:
        return Forecast(spent_micros, None)
    elapsed_s = max(_LEAST_S, (now - _midnight(min(days))).total_seconds())
    spent_since = sum(by_day[day] for day in days)
    left_s = max(0.0, (_midnight(span.end) - now).total_seconds())
    expected = spent_micros + int(spent_since * left_s / elapsed_s)
    if spent_micros >= limit_micros:
        return Forecast(expected, now)
    if expected <= limit_micros:
        return Forecast(expected, None)
    wait_s = (limit_micros - spent_micros) * elapsed_s / spent_since
    return Forecast(expected, now + timedelta(seconds=wait_s))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
