"""What the calls of each past day amount to, and who was there when: months are asked without single calls.

A day is *built* from its spans as a whole, under a number of its own, and counts as long as its partition of
`spans` is what it was then: so many rows, the newest of so high a block. Late calls, removals and retention
change that, and the day's spans are asked again until it is built anew. Nothing here is ever corrected, so
nothing is counted twice or not at all: a build that was broken off is never named in `day_builds`.
"""

# ruff: noqa: S608 - names of ours; what is put into statements are dates and whole numbers

from datetime import date

from gatewayops.store.telemetry.analytics_sql import ONE_SERVER, TOOL_CALL, TOOL_NUMBER, VISITOR, WHO
from gatewayops.store.telemetry.span_filter import in_range, is_call

# Between two calls of the same half hour there are less than thirty minutes: no session ends within it.
_HALF_HOUR = "intDiv(toUnixTimestamp(ts), 1800)"
_NS = "toUnixTimestamp64Nano(ts)"
_COUNTED = f"min({_NS}), max({_NS}), count(), countIf(status != 'success')"
_SUBJECTS = "org_id, user_id, key_id, team_id, project_id, agent, server, tool, method, reason"
_EPOCH = date(1970, 1, 1)
_DAY_NS = 86_400 * 10**9
_GARBAGE_NS = 3_600 * 10**9  # a build may be under way in another process

_SUMS = """
CREATE TABLE IF NOT EXISTS day_sums (
    build UInt64,
    day Date,
    org_id LowCardinality(String),
    user_id LowCardinality(String),
    key_id LowCardinality(String),
    team_id LowCardinality(String),
    project_id LowCardinality(String),
    agent LowCardinality(String),
    server LowCardinality(String),
    tool LowCardinality(String),
    method LowCardinality(String),
    reason LowCardinality(String),
    who UInt64,
    first_ns Int64,
    last_ns Int64,
    call_count UInt64,
    error_count UInt64,
    cost_micros Int64,
    input_tokens Int64,
    output_tokens Int64,
    answer_bytes Int64
) ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (org_id, day)
"""
_VISITS = """
CREATE TABLE IF NOT EXISTS day_visits (
    build UInt64,
    day Date,
    org_id LowCardinality(String),
    for_server LowCardinality(String),
    visitor UInt64,
    who UInt64,
    is_idle Bool,
    first_ns Int64,
    last_ns Int64,
    call_count UInt64,
    error_count UInt64,
    tools Array(UInt64)
) ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (org_id, for_server, day)
"""
_BUILDS = """
CREATE TABLE IF NOT EXISTS day_builds (
    build UInt64, day Date, spans UInt64, newest_block Int64
) ENGINE = MergeTree ORDER BY (day, build)
"""
STATEMENTS = (_SUMS, _VISITS, _BUILDS)
_BUILT = ("day_sums", "day_visits")
_IN_DAYS = "org_id = {org:String} AND day IN {built:Array(Date)} AND build IN {builds:Array(UInt64)}"
_SO_FAR = "org_id = {org:String} AND ts < fromUnixTimestamp64Nano({end:Int64}, 'UTC')"
_NOT_SUMMED = f"{is_call()} AND toDate(ts) NOT IN {{built:Array(Date)}}"

# A call as a day's sums have it.
_ONE_CALL = "toUInt64(1) AS call_count, toUInt64(status != 'success') AS error_count"
_SUMMED = f"""
    {_NS} AS first_ns, {_NS} AS last_ns, {_ONE_CALL}, cost_micros, input_tokens, output_tokens,
    if(status = 'success', response_bytes, 0) AS answer_bytes
"""

_PAST = f"""
    SELECT day, {_SUBJECTS}, who, first_ns, last_ns, call_count, error_count, cost_micros, input_tokens,
        output_tokens, answer_bytes
    FROM day_sums WHERE {_IN_DAYS}
"""


def _open(condition: str) -> str:
    return f"""
    SELECT toDate(ts) AS day, {_SUBJECTS}, {WHO} AS who, {_SUMMED}
    FROM spans WHERE {condition} AND {_NOT_SUMMED}
"""


def standing() -> str:
    """Rows (day, spans, newest_block, build) of the days of `spans`; `build` is the one that counts, or 0."""
    return f"""
SELECT toString(now_.day) AS day, now_.spans AS spans, now_.newest_block AS newest_block,
    if(now_.spans = then_.spans AND now_.newest_block = then_.newest_block, then_.build, 0) AS build
FROM ({_partitions()}) AS now_
LEFT JOIN (
    SELECT day, max(build) AS build, argMax(spans, day_builds.build) AS spans,
        argMax(newest_block, day_builds.build) AS newest_block
    FROM day_builds GROUP BY day
) AS then_ ON now_.day = then_.day
ORDER BY day
"""


def _partitions() -> str:
    return (
        "SELECT toDate(partition) AS day, sum(rows) AS spans, max(max_block_number) AS newest_block "
        "FROM system.parts WHERE database = currentDatabase() AND table = 'spans' AND active GROUP BY day"
    )


def is_inside(day: str, start_ns: int, end_ns: int) -> bool:
    """Whether the day (ISO) lies in the period as a whole."""
    begins_ns = (date.fromisoformat(day) - _EPOCH).days * _DAY_NS
    return start_ns <= begins_ns and begins_ns + _DAY_NS <= end_ns


def build(day: date, number: int) -> tuple[str, ...]:
    """Statements that build a day; it counts once `remember` has named it."""
    where = f"FROM spans WHERE toDate(ts) = '{day.isoformat()}' AND {is_call()}"
    sums = (
        f"INSERT INTO day_sums SELECT {number:d}, toDate(ts) AS day, {_SUBJECTS}, {WHO} AS who, {_COUNTED}, "
        "sum(cost_micros), sum(input_tokens), sum(output_tokens), sumIf(response_bytes, status = 'success') "
        f"{where} GROUP BY day, {_SUBJECTS}, who"
    )
    visits = (
        f"INSERT INTO day_visits SELECT {number:d}, toDate(ts) AS day, org_id, "
        f"arrayJoin(['', toString(server)]) AS for_server, {VISITOR} AS visitor, {WHO} AS who, "
        f"session = '' AS is_idle, {_COUNTED}, groupUniqArrayIf({TOOL_NUMBER}, {TOOL_CALL}) "
        f"{where} GROUP BY day, org_id, for_server, visitor, who, is_idle, {_HALF_HOUR}"
    )
    return sums, visits


def remember(day: date, number: int, *, spans: int, newest_block: int) -> str:
    """The statement after which the build counts, if the partition is still so."""
    return f"INSERT INTO day_builds VALUES ({number:d}, '{day.isoformat()}', {spans:d}, {newest_block:d})"


def garbage() -> str:
    """Rows (build) of what no longer counts. Parameters `kept` (numbers of builds), `now` (nanoseconds)."""
    stored = " UNION ALL ".join(f"SELECT build FROM {table}" for table in (*_BUILT, "day_builds"))
    return (
        f"SELECT DISTINCT build FROM ({stored}) WHERE build NOT IN {{kept:Array(UInt64)}} "
        f"AND build < {{now:UInt64}} - {_GARBAGE_NS}"
    )


def remove(numbers: list[int]) -> tuple[str, ...]:
    """Statements that remove builds: first that they count."""
    listed = ", ".join(f"{number:d}" for number in numbers)
    return tuple(f"ALTER TABLE {table} DELETE WHERE build IN ({listed})" for table in ("day_builds", *_BUILT))


def calls(*, since_first: bool = False) -> str:
    """A subquery of the calls of the period: rows of a built day's sums, and of each other call one.

    Columns: `day` and those of `day_sums` but `build`. Parameters `org`, `start` (unless `since_first`: of
    all that is retained), `end`, and `builds` and `built` of the days that lie in the period as a whole.
    """
    return f"({_PAST} UNION ALL {_open(_SO_FAR if since_first else in_range())})"


def past_calls() -> str:
    """The part of `calls` that is a built day's: its rows are the same as long as `builds` are."""
    return f"({_PAST})"


def open_calls() -> str:
    """The other part."""
    return f"({_open(in_range())})"


def visits() -> str:
    """A subquery of when visitors were there, of one server or of all: rows as of `day_visits`.

    Columns `visitor`, `who`, `is_idle`, `first_ns`, `last_ns`, `call_count`, `error_count`, `tools` (their
    TOOL_NUMBER). Parameters as of `calls`, and `server` (empty for all).
    """
    return f"""(
    SELECT visitor, who, is_idle, first_ns, last_ns, call_count, error_count, tools
    FROM day_visits WHERE {_IN_DAYS} AND for_server = {{server:String}}
    UNION ALL
    SELECT {VISITOR} AS visitor, {WHO} AS who, session = '' AS is_idle, {_NS} AS first_ns, {_NS} AS last_ns,
        {_ONE_CALL}, if({TOOL_CALL}, [{TOOL_NUMBER}], []) AS tools
    FROM spans WHERE {in_range()} AND {_NOT_SUMMED} AND {ONE_SERVER}
)"""
