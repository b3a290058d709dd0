"""Analytics of who uses the tools: headline figures, active users, segments by sessions, weekly cohorts.

Users and sessions are those of store.telemetry.analytics_sql; what they do is in query.behaviour.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from gatewayops.query.asking import SumReader, with_sums
from gatewayops.store.telemetry import audience_sql
from gatewayops.store.telemetry.audience_sql import ROLLING_DAYS

INTERVALS = audience_sql.INTERVALS
SEGMENTS = ("1-5", "6-20", "20+")
_DAY_NS = 86_400 * 10**9
_WEEK = timedelta(days=7)


class Asked(msgspec.Struct, frozen=True):
    """What a question is about: whole UTC days of an organisation, and one server or (empty) all."""

    org_id: str
    start_ns: int  # Unix nanoseconds, inclusive
    end_ns: int  # exclusive
    server: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """As the SQL names them."""
        return {"org": self.org_id, "start": self.start_ns, "end": self.end_ns, "server": self.server}

    @property
    def before(self) -> "Asked":
        """The period of the same length just before."""
        length_ns = self.end_ns - self.start_ns
        return msgspec.structs.replace(self, start_ns=self.start_ns - length_ns, end_ns=self.start_ns)

    @property
    def days(self) -> list[date]:
        """The days of the period."""
        first = _date(self.start_ns)
        return [first + timedelta(days=n) for n in range((self.end_ns - self.start_ns) // _DAY_NS)]


@dataclass(frozen=True, slots=True)
class Headline:
    """The figures of a period. New users are those whose first retained call lies in it."""

    users: int
    new_users: int
    sessions: int
    calls: int
    errors: int
    tools: int

    @property
    def returning_users(self) -> int:
        """Those who were seen before the period."""
        return self.users - self.new_users


@dataclass(frozen=True, slots=True)
class Active:
    """Users of one day, week or month; `start` is its first day, which may lie before the period."""

    start: date
    users: int
    new_users: int
    calls: int


@dataclass(frozen=True, slots=True)
class Rolling:
    """Users of a day, and of the 7 and the 30 days that end with it."""

    day: date
    daily: int
    weekly: int
    monthly: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Users by how many sessions they had in the period."""

    sessions: str  # one of SEGMENTS
    users: int
    session_count: int
    calls: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """The users first seen in a week; `active[n]` of them called n weeks later, to the period's last week."""

    week: date  # a Monday
    users: int
    active: tuple[int, ...]


async def headline(telemetry: SumReader, asked: Asked) -> Headline:
    """The figures of the period."""
    values, so_far = await with_sums(telemetry, asked.values), await _so_far(telemetry, asked)
    [row], [new] = await asyncio.gather(
        telemetry.rows(audience_sql.headline(), values), telemetry.rows(audience_sql.newcomers(), so_far)
    )
    return Headline(
        users=row["users"],
        new_users=new["users"],
        sessions=row["sessions"],
        calls=row["calls"],
        errors=row["errors"],
        tools=row["tools"],
    )


async def active_users(telemetry: SumReader, asked: Asked, *, interval: str) -> list[Active]:
    """The days, weeks or months (one of INTERVALS) of the period, in order, those without calls too."""
    rows = await telemetry.rows(audience_sql.active(interval), await _so_far(telemetry, asked))
    found = {
        date.fromisoformat(row["bucket_name"]): (row["users"], row["new_users"], row["calls"]) for row in rows
    }
    starts = dict.fromkeys(bucket_of(day, interval) for day in asked.days)
    return [Active(start, *found.get(start, (0, 0, 0))) for start in starts]


async def rolling_users(telemetry: SumReader, asked: Asked) -> list[Rolling]:
    """Every day of the period."""
    days = asked.days
    values = asked.values | {
        "start": asked.start_ns - (ROLLING_DAYS - 1) * _DAY_NS,
        "first": days[0].isoformat(),
        "last": days[-1].isoformat(),
    }
    rows = await telemetry.rows(audience_sql.rolling(), await with_sums(telemetry, values))
    found = {
        date.fromisoformat(row["day_name"]): (row["daily"], row["weekly"], row["monthly"]) for row in rows
    }
    return [Rolling(day, *found.get(day, (0, 0, 0))) for day in days]


async def segments(telemetry: SumReader, asked: Asked) -> list[Segment]:
    """All SEGMENTS, in their order."""
    rows = await telemetry.rows(audience_sql.segments(), await with_sums(telemetry, asked.values))
    found = {row["segment"]: (row["users"], row["sessions"], row["calls"]) for row in rows}
    return [Segment(name, *found.get(name, (0, 0, 0))) for name in SEGMENTS]


async def retention(telemetry: SumReader, asked: Asked) -> list[Cohort]:
    """The cohorts of the period's weeks that have users, in order. The last week may not be over yet."""
    rows = await telemetry.rows(audience_sql.cohorts(), await _so_far(telemetry, asked))
    active: dict[date, dict[int, int]] = {}
    for row in rows:
        active.setdefault(date.fromisoformat(row["cohort_name"]), {})[row["age"]] = row["users"]
    last = bucket_of(asked.days[-1], "week")
    return [
        Cohort(week, by_age[0], tuple(by_age.get(age, 0) for age in range((last - week) // _WEEK + 1)))
        for week, by_age in active.items()
    ]


def bucket_of(day: date, interval: str) -> date:
    """The first day of the day, week (Monday) or month that a day lies in."""
    if interval == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval == "month" else day


def change(now: float, before: float) -> float | None:
    """By what part a figure has grown, 0.5 for half as much again; None where there was nothing before."""
    return (now - before) / before if before else None


async def _so_far(telemetry: SumReader, asked: Asked) -> dict[str, Any]:
    return await with_sums(telemetry, asked.values, since_first=True)


def _date(ns: int) -> date:
    return datetime.fromtimestamp(ns // 10**9, UTC).date()
