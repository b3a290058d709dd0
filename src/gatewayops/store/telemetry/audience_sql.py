"""The SQL of who uses the tools: headline figures, active users, segments, weekly cohorts.

All questions are of whole days: they take the parameters `org`, `start`, `end` (Unix nanoseconds), `server`
(empty for all), and those that say which days' sums count.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.analytics_sql import IDLE_NS, ONE_SERVER, TOOL_CALL, joined_number
from gatewayops.store.telemetry.day_sums import calls, visits

_BUCKETS = {"day": "{}", "week": "toMonday({})", "month": "toStartOfMonth({})"}
INTERVALS = tuple(_BUCKETS)
ROLLING_DAYS = 30
_WEEK_DAYS = 7
_START = "toDate(fromUnixTimestamp64Nano({start:Int64}, 'UTC'))"


def visitors() -> str:
    """A subquery: a row a visitor with `who`, `visitor_sessions`, `visitor_calls`, `visitor_errors`.

    A visit's beginning and how long it was are sorted as one number, which takes half as long as pairs do.
    """
    seen = f"arraySort(groupArray({joined_number(('first_ns', 64), ('last_ns', 0))}))"
    pauses = (
        "arrayMap((next, last) -> toInt64(bitShiftRight(next, 64)) - toInt64(last), "
        f"arrayPopFront({seen}), arrayPopBack({seen}))"
    )
    sessions = f"if(any(is_idle), 1 + arrayCount(pause -> pause >= {IDLE_NS}, {pauses}), 1)"
    return (
        f"(SELECT any(who) AS who, {sessions} AS visitor_sessions, sum(call_count) AS visitor_calls, "
        f"sum(error_count) AS visitor_errors FROM {visits()} GROUP BY visitor)"
    )


def headline() -> str:
    """One row: users, sessions, calls, errors, tools."""
    tools = f"SELECT uniqExact(server, tool) FROM {calls()} WHERE {ONE_SERVER} AND {TOOL_CALL}"
    return (
        "SELECT uniqExact(who) AS users, sum(visitor_sessions) AS sessions, sum(visitor_calls) AS calls, "
        f"sum(visitor_errors) AS errors, ({tools}) AS tools FROM {visitors()}"
    )


def newcomers() -> str:
    """One row: `users` whose first call that is retained lies in the period."""
    return (
        f"SELECT count() AS users FROM (SELECT min(day) AS first_day FROM {calls(since_first=True)} "
        f"WHERE {ONE_SERVER} GROUP BY who) WHERE first_day >= {_START}"
    )


def active(interval: str) -> str:
    """Rows (bucket, users, new_users, calls) of the days, weeks or months that have any, in order.

    New are the users whose first call that is retained lies in the bucket and in the period.
    """
    bucket = _BUCKETS[interval]
    return (
        "SELECT toString(bucket) AS bucket_name, count() AS users, sum(bucket_calls) AS calls, "
        f"countIf(first_day >= {_START} AND {bucket.format('first_day')} = bucket) AS new_users FROM "
        "(SELECT who, bucket, bucket_calls, min(bucket_day) OVER (PARTITION BY who) AS first_day FROM "
        f"(SELECT who, {bucket.format('day')} AS bucket, min(day) AS bucket_day, "
        f"sumIf(call_count, day >= {_START}) AS bucket_calls FROM {calls(since_first=True)} "
        f"WHERE {ONE_SERVER} GROUP BY who, bucket)) "
        "WHERE bucket_calls > 0 GROUP BY bucket ORDER BY bucket"
    )


def rolling() -> str:
    """Rows (day, daily, weekly, monthly): users of each day and of the 7 and 30 days that end with it.

    Days of which all three are zero are left out. `start` lies 29 days before the first day; parameters
    besides: `first` and `last` (ISO dates).
    """
    return (
        "SELECT toString(day) AS day_name, uniqExactIf(who, ago = 0) AS daily, "
        f"uniqExactIf(who, ago < {_WEEK_DAYS}) AS weekly, uniqExact(who) AS monthly FROM "
        "(SELECT who, ago, seen + ago AS day FROM "
        f"(SELECT DISTINCT who, day AS seen FROM {calls()} WHERE {ONE_SERVER}) "
        f"ARRAY JOIN range({ROLLING_DAYS}) AS ago) "
        "WHERE day >= {first:Date} AND day <= {last:Date} GROUP BY day ORDER BY day"
    )


def segments() -> str:
    """Rows (segment, users, sessions, calls); segments are named by how many sessions their users had."""
    return (
        "SELECT multiIf(user_sessions <= 5, '1-5', user_sessions <= 20, '6-20', '20+') AS segment, "
        "count() AS users, sum(user_sessions) AS sessions, sum(user_calls) AS calls FROM "
        "(SELECT who, sum(visitor_sessions) AS user_sessions, sum(visitor_calls) AS user_calls "
        f"FROM {visitors()} GROUP BY who) GROUP BY segment"
    )


def cohorts() -> str:
    """Rows (cohort, age, users): of the users first seen in the week of that Monday, how many called `age`
    weeks later. Cohorts from the week of `start` on.
    """
    return (
        "SELECT toString(cohort) AS cohort_name, toInt32((week - cohort) / 7) AS age, count() AS users FROM "
        "(SELECT toMonday(min(day)) AS cohort, arrayJoin(groupUniqArray(toMonday(day))) AS week "
        f"FROM {calls(since_first=True)} WHERE {ONE_SERVER} GROUP BY who) "
        f"WHERE cohort >= toMonday({_START}) GROUP BY cohort, age ORDER BY cohort, age"
    )
