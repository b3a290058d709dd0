"""When each trace was: a small table that spans and log records fill, and the look-up in it.

With it a trace is read from its own days only. Asking the bloom filters of all parts costs more than reading
the trace. A row may be there twice (an insert that was tried again): that changes neither first nor last.
"""

# ruff: noqa: S608 - the names of tables are ours; values are bound parameters

_KINDS = ("spans", "logs")
_COLUMNS = "org_id, trace_id, kind, first, last, found"
# The TTL is set with the others' once it is filled: one of 30 days would remove what others keep for longer.
_TABLE = """
CREATE TABLE IF NOT EXISTS trace_times (
    org_id LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    kind LowCardinality(String),
    first SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(Delta, ZSTD(1)),
    last SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(Delta, ZSTD(1)),
    found SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(last)
ORDER BY (org_id, trace_id, kind)
SETTINGS index_granularity = 1024
"""


def _of(kind: str) -> str:
    return (
        f"SELECT org_id, trace_id, '{kind}' AS kind, ts AS first, ts AS last, toUInt64(1) AS found "
        f"FROM {kind} WHERE trace_id != ''"
    )


# Version 4 of the schema. What is inserted from here on is there at once; FILL adds what was before, a day at
# a time, and may be repeated.
STATEMENTS = (
    _TABLE,
    *(
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS times_of_{kind} TO trace_times AS {_of(kind)}"
        for kind in _KINDS
    ),
)
FILL = {
    kind: f"INSERT INTO trace_times ({_COLUMNS}) {_of(kind)} AND toDate(ts) = {{day:Date}}" for kind in _KINDS
}


def extent_of_trace(kind: str) -> str:
    """One row (first_ns, last_ns, found): from when to when a trace has rows, and about how many.

    `kind` is `spans` or `logs`. Parameters `org`, `trace`.
    """
    return (
        "SELECT toUnixTimestamp64Nano(min(first)) AS first_ns, toUnixTimestamp64Nano(max(last)) AS last_ns, "
        "sum(found) AS found FROM trace_times "
        f"WHERE org_id = {{org:String}} AND trace_id = {{trace:String}} AND kind = '{kind}' "
        "SETTINGS max_threads = 1"
    )
