"""Times at the border: ISO 8601 in and out, dates that include their day, ranges with defaults."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LOST_PLUS = re.compile(r" (?=\d{2}:?\d{2}$)")  # `+00:00` in an address arrives as ` 00:00`
_DAY = timedelta(days=1)
_SLACK = timedelta(seconds=5)  # calls that begin while the question is asked
_SECOND_NS = 1_000_000_000
_LAST = datetime(2100, 1, 1, tzinfo=UTC)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def moment(field: str, text: str, *, is_end: bool) -> datetime:
    """An ISO 8601 time, in UTC unless it says otherwise; a date as an end means the end of that day.

    Raises InvalidInput, naming `field`.
    """
    try:
        found = datetime.fromisoformat(_LOST_PLUS.sub("+", text.strip()))
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = f"{field}: give an ISO 8601 time such as 2026-01-15T10:30:00Z"
        raise InvalidInput(msg) from error
    found = min(max(found, _FIRST), _LAST)
    return found + _DAY if is_end and _DATE.fullmatch(text.strip()) else found


def day(field: str, text: str) -> datetime:
    """The beginning of a day YYYY-MM-DD in UTC. Raises InvalidInput, naming `field`."""
    if _DATE.fullmatch(text.strip()) is None:
        msg = f"{field}: give a date YYYY-MM-DD"
        raise InvalidInput(msg)
    return moment(field, text, is_end=False)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start_ns` up to `end_ns`, Unix nanoseconds."""

    start_ns: int
    end_ns: int


def window(start_time: str, end_time: str, *, length: timedelta = _DAY) -> Window:
    """The time asked for; without an end up to now, without a start as long as `length`.

    Raises InvalidInput.
    """
    end = moment("end_time", end_time, is_end=True) if end_time else clock.now() + _SLACK
    start = moment("start_time", start_time, is_end=False) if start_time else end - length
    if start >= end:
        msg = "start_time: must be before end_time"
        raise InvalidInput(msg)
    return Window(unix_ns(start), unix_ns(end))


def unix_ns(when: datetime) -> int:
    """Whole nanoseconds since 1970."""
    return (when - _FIRST) // timedelta(microseconds=1) * 1_000


def iso(ns: int) -> str:
    """Unix nanoseconds as ISO 8601 with microseconds and `Z`."""
    whole, rest = divmod(ns, _SECOND_NS)
    return f"{datetime.fromtimestamp(whole, UTC).isoformat()[:19]}.{rest // 1_000:06d}Z"  # strftime is slow


def ms(ns: int) -> float:
    """Nanoseconds as milliseconds, to the microsecond."""
    return round(ns / 1e6, 3)
