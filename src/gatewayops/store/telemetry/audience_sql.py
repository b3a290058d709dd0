"""The SQL of who uses the tools: headline figures, active users, segments, weekly cohorts.

All questions take the parameters `org`, `start`, `end` (Unix nanoseconds) and `server` (empty for all).
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.analytics_sql import (
    TOOL_CALL,
    WHO,
    calls,
    calls_so_far,
    visitors,
)

_BUCKETS = {"day": "toDate({})", "week": "toMonday({})", "month": "toStartOfMonth({})"}
INTERVALS = tuple(_BUCKETS)
ROLLING_DAYS = 30
_WEEK_DAYS = 7
_START = "fromUnixTimestamp64Nano({start:Int64}, 'UTC')"


def headline() -> str:
    """One row: users, sessions, calls, errors, tools."""
    tools = f"SELECT uniqExact(server, tool) FROM spans WHERE {calls()} AND {TOOL_CALL}"
    return (
        "SELECT uniqExact(who) AS users, sum(visitor_sessions) AS sessions, sum(visitor_calls) AS calls, "
        f"sum(visitor_errors) AS errors, ({tools}) AS tools FROM {visitors()}"
    )


def newcomers() -> str:
    """One row: `users` whose first call that is retained lies in the period."""
    return (
        f"SELECT count() AS users FROM (SELECT min(ts) AS first_ts FROM spans WHERE {calls_so_far()} "
        f"GROUP BY {WHO}) WHERE first_ts >= {_START}"
    )


def active(interval: str) -> str:
    """Rows (bucket, users, new_users, calls) of the days, weeks or months that have any, in order.

    New are the users whose first call that is retained lies in the bucket and in the period.
    """
    bucket = _BUCKETS[interval]
    return (
        "SELECT toString(bucket) AS bucket_name, count() AS users, sum(bucket_calls) AS calls, "
        f"countIf(first_ts >= {_START} AND {bucket.format('first_ts')} = bucket) AS new_users FROM "
        "(SELECT who, bucket, bucket_calls, min(bucket_ts) OVER (PARTITION BY who) AS first_ts FROM "
        f"(SELECT {WHO} AS who, {bucket.format('ts')} AS bucket, min(ts) AS bucket_ts, "
        f"countIf(ts >= {_START}) AS bucket_calls FROM spans WHERE {calls_so_far()} GROUP BY who, bucket)) "
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
        f"(SELECT DISTINCT {WHO} AS who, toDate(ts) AS seen FROM spans WHERE {calls()}) "
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
        "(SELECT toMonday(min(ts)) AS cohort, arrayJoin(groupUniqArray(toMonday(ts))) AS week "
        f"FROM spans WHERE {calls_so_far()} GROUP BY {WHO}) "
        f"WHERE cohort >= toMonday({_START}) GROUP BY cohort, age ORDER BY cohort, age"
    )
