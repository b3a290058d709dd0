"""When each trace was: a small table that spans and log records fill, and the look-up in it.

With it a trace is read from its own days only. Asking the bloom filters of all parts costs more than reading
the trace. Rows say where to look, never what is there: two traces that share a hash, or rows that are there
twice (an insert that was tried again), let more be looked through and change no answer.
"""

# ruff: noqa: S608 - the names of tables are ours; values are bound parameters

_KINDS = ("spans", "logs")
# A hash is sorted and merged in a fraction of the time that ids take. The TTL is set with the others' once
# the table is filled: one of 30 days would remove what others keep for longer.
_TABLE = """
CREATE TABLE IF NOT EXISTS trace_times (
    trace UInt64 CODEC(NONE),
    ts DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    kind Enum8('spans' = 1, 'logs' = 2) CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY trace
SETTINGS index_granularity = 1024
"""


def _of(kind: str) -> str:
    hashed = "cityHash64(org_id, trace_id) AS trace"
    return f"SELECT {hashed}, ts, '{kind}' AS kind FROM {kind} WHERE trace_id != ''"


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
    kind: f"INSERT INTO trace_times (trace, ts, kind) {_of(kind)} AND toDate(ts) = {{day:Date}}"
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


def times_of_traces() -> str:
    """Rows (ts): when the traces in `ids` have spans or log records. Parameters `org`, `ids`."""
    hashes = "SELECT cityHash64({org:String}, arrayJoin({ids:Array(String)}))"
    return f"SELECT ts FROM trace_times WHERE trace IN ({hashes})"
