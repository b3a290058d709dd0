"""When each trace was and what lists show of its spans: a table that spans and log records fill.

With it a trace is read from its own days only. Asking the bloom filters of all parts costs more than reading
the trace. And a page of traces comes from few bytes that lie together: its spans lie all over `spans`, where
each column of each has a block of its own to read. Rows may be there twice (an insert that was tried again):
whoever counts spans counts each once. Two traces may share a hash: `shown` has the trace's id.
"""

# ruff: noqa: S608 - the names of tables are ours; values are bound parameters

_KINDS = ("spans", "logs")
# In this order in `shown`, a JSON array of texts.
SHOWN = (
    *("trace_id", "span_id", "door", "status", "server", "user_id", "team_id", "project_id", "key_id", "env"),
    *("agent", "duration_ns", "cost_micros"),
)
TRACE = "cityHash64(org_id, trace_id)"
_THESE = "trace IN {traces:Array(UInt64)} AND org_id = {org:String}"
# A hash is sorted and merged in a fraction of the time that ids take. The TTL is set with the others' once
# the table is filled: one of 30 days would remove what others keep for longer.
_TABLE = """
CREATE TABLE IF NOT EXISTS trace_times (
    trace UInt64 CODEC(NONE),
    ts DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    kind Enum8('spans' = 1, 'logs' = 2) CODEC(ZSTD(1)),
    org_id LowCardinality(String),
    shown String CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY trace
SETTINGS index_granularity = 128, min_compress_block_size = 8192
"""


def _of(kind: str) -> str:
    shown = f"toJSONString([{', '.join(map(_text, SHOWN))}])" if kind == "spans" else "''"
    return (
        f"SELECT {TRACE} AS trace, ts, '{kind}' AS kind, org_id, {shown} AS shown FROM {kind} "
        "WHERE trace_id != ''"
    )


def _text(column: str) -> str:
    return f"toString({column})"


# Version 5 of the schema. What is inserted from here on is there at once; FILL adds what was before, a day at
# a time, and may be repeated.
STATEMENTS = (
    _TABLE,
    *(
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS times_of_{kind} TO trace_times AS {_of(kind)}"
        for kind in _KINDS
    ),
)
# Before them goes a table of version 4, if OLD has a row: never one that another process just made and fills.
OLD = (
    "SELECT 1 AS found FROM system.tables WHERE database = currentDatabase() AND name = 'trace_times' "
    "AND position(create_table_query, '`shown`') = 0"
)
REMOVE_OLD = (
    *(f"DROP VIEW IF EXISTS times_of_{kind}" for kind in _KINDS),
    "DROP TABLE IF EXISTS trace_times",
)
FILL = {
    kind: f"INSERT INTO trace_times (trace, ts, kind, org_id, shown) "
    f"{_of(kind)} AND toDate(ts) = {{day:Date}}"
    for kind in _KINDS
}


def extent_of_trace() -> str:
    """One row: from when to when a trace has spans (first_ns, last_ns), and about how many are `found`.

    The same of its log records, as logs_first_ns, logs_last_ns, logs_found. Parameters `org`, `trace`.
    """
    columns = ", ".join(_extent(kind) for kind in _KINDS)
    return (
        f"SELECT {columns} FROM trace_times WHERE trace = cityHash64({{org:String}}, {{trace:String}}) "
        "SETTINGS max_threads = 1"
    )


def _extent(kind: str) -> str:
    name = "" if kind == "spans" else f"{kind}_"
    return (
        f"toUnixTimestamp64Nano(minIf(ts, kind = '{kind}')) AS {name}first_ns, "
        f"toUnixTimestamp64Nano(maxIf(ts, kind = '{kind}')) AS {name}last_ns, "
        f"countIf(kind = '{kind}') AS {name}found"
    )


def spans_of_traces() -> str:
    """Rows (at_ns, shown) of the spans of the traces with these hashes, each once or more, in any order.

    Parameters `org`, `traces`, `start`, `end` (Unix nanoseconds; `end` is excluded), `most`.
    """
    return (
        "SELECT toUnixTimestamp64Nano(ts) AS at_ns, shown FROM trace_times "
        f"WHERE {_THESE} AND kind = 'spans' AND ts >= fromUnixTimestamp64Nano({{start:Int64}}, 'UTC') "
        "AND ts < fromUnixTimestamp64Nano({end:Int64}, 'UTC') LIMIT {most:UInt32} SETTINGS max_threads = 1"
    )


def times_of_traces() -> str:
    """Rows (ts): when these traces have spans or log records. Parameters `org`, `traces` (hashes)."""
    return f"SELECT ts FROM trace_times WHERE {_THESE}"
