"""The telemetry schema: DDL by version, applied once each, and the retention.

A version that has shipped is never edited; a change is a new one. Columns follow
record.call_record.CallRecord, with `ts` for `ts_ns`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatewayops.store.telemetry import day_sums, otlp_schema, trace_times

FIRST_RETENTION_DAYS = 30  # as each version creates its tables
_TABLES = ("spans", "logs", "metric_points", "trace_times")

# What the recorder inserts, in this order: (column, Arrow kind). See telemetry.arrow.
SPAN_COLUMNS: tuple[tuple[str, str], ...] = (
    ("ts", "timestamp"),
    ("duration_ns", "int64"),
    ("org_id", "string"),
    ("key_id", "string"),
    ("user_id", "string"),
    ("team_id", "string"),
    ("project_id", "string"),
    ("env", "string"),
    ("trace_id", "string"),
    ("span_id", "string"),
    ("parent_span_id", "string"),
    ("door", "string"),
    ("era", "string"),
    ("method", "string"),
    ("server", "string"),
    ("tool", "string"),
    ("resource_uri", "string"),
    ("status", "string"),
    ("reason", "string"),
    ("http_status", "int32"),
    ("rpc_code", "int64"),
    ("error_detail", "string"),
    ("auth_ns", "int64"),
    ("policy_ns", "int64"),
    ("upstream_ns", "int64"),
    ("request_bytes", "int64"),
    ("response_bytes", "int64"),
    ("input_tokens", "int64"),
    ("output_tokens", "int64"),
    ("cost_micros", "int64"),
    ("request_body", "string"),
    ("response_body", "string"),
    ("is_request_cut", "bool"),
    ("is_response_cut", "bool"),
    ("agent", "string"),
    ("session", "string"),
    ("rpc_id", "string"),
    ("request_id", "string"),
    ("protocol_version", "string"),
    ("client_address", "string"),
    ("batch", "string"),
)

_SPANS = """
CREATE TABLE IF NOT EXISTS spans (
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_ns Int64 CODEC(ZSTD(1)),
    org_id LowCardinality(String),
    key_id LowCardinality(String),
    user_id LowCardinality(String),
    team_id LowCardinality(String),
    project_id LowCardinality(String),
    env LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    door LowCardinality(String),
    era LowCardinality(String),
    method LowCardinality(String),
    server LowCardinality(String),
    tool LowCardinality(String),
    resource_uri String CODEC(ZSTD(1)),
    status LowCardinality(String),
    reason LowCardinality(String),
    http_status Int32 CODEC(ZSTD(1)),
    rpc_code Int64 CODEC(ZSTD(1)),
    error_detail String CODEC(ZSTD(1)),
    auth_ns Int64 CODEC(ZSTD(1)),
    policy_ns Int64 CODEC(ZSTD(1)),
    upstream_ns Int64 CODEC(ZSTD(1)),
    request_bytes Int64 CODEC(ZSTD(1)),
    response_bytes Int64 CODEC(ZSTD(1)),
    input_tokens Int64 CODEC(ZSTD(1)),
    output_tokens Int64 CODEC(ZSTD(1)),
    cost_micros Int64 CODEC(ZSTD(1)),
    cost Decimal(18, 9) ALIAS toDecimal64(cost_micros, 9) / 1000000,
    request_body String CODEC(ZSTD(3)),
    response_body String CODEC(ZSTD(3)),
    is_request_cut Bool,
    is_response_cut Bool,
    agent LowCardinality(String),
    session String CODEC(ZSTD(1)),
    rpc_id String CODEC(ZSTD(1)),
    request_id String CODEC(ZSTD(1)),
    protocol_version LowCardinality(String),
    client_address String CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String),
    batch LowCardinality(String),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 8
) ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY (org_id, ts)
TTL toDateTime(ts) + toIntervalDay(30)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, index_granularity = 1024
"""


@dataclass(frozen=True, slots=True)
class Version:
    """Statements that bring the schema from the version before to this one."""

    number: int
    statements: tuple[str, ...]
    fill: Mapping[str, str] = field(default_factory=dict)  # by table: run with each `day` that it has
    old: str = ""  # a question; where it has rows, `remove_old` goes before the statements
    remove_old: tuple[str, ...] = ()


# Finds the spans with an attribute's value without reading all attributes. The parts that exist follow in
# the background: questions are right meanwhile, and as slow as before.
_ATTRIBUTES = (
    "ALTER TABLE spans ADD INDEX IF NOT EXISTS by_attribute mapValues(attributes) "
    "TYPE text(tokenizer = 'array')",
    "ALTER TABLE spans MATERIALIZE INDEX by_attribute",
)

# The spans of a tool, and its latency, from what lies together: a narrow copy in another order. Parts that
# exist follow in the background.
_BY_TOOL = (
    "ALTER TABLE spans ADD PROJECTION IF NOT EXISTS by_tool (SELECT org_id, server, tool, ts, status, "
    f"method, door, duration_ns, agent, user_id, key_id, {trace_times.TRACE} AS trace "
    "ORDER BY org_id, server, tool, ts)",
    "ALTER TABLE spans MATERIALIZE PROJECTION by_tool",
)

# What an insert makes is one file, until merges make more of it: a file for each of sixty columns, and the
# directory entries that go with them, took half of what storing a batch cost.
_ONE_FILE_BYTES = 40 << 20  # a batch of the recorder is smaller
_ONE_FILE = (f"ALTER TABLE spans MODIFY SETTING min_bytes_for_wide_part = {_ONE_FILE_BYTES}",)

VERSIONS = (
    Version(1, (_SPANS,)),
    Version(2, otlp_schema.STATEMENTS),
    Version(3, _ATTRIBUTES),
    Version(  # 4 was trace_times with less
        5,
        (*trace_times.STATEMENTS, *_BY_TOOL),
        trace_times.FILL,
        old=trace_times.OLD,
        remove_old=trace_times.REMOVE_OLD,
    ),
    Version(6, _ONE_FILE),
    Version(7, day_sums.STATEMENTS),
)

_VERSIONS_TABLE = """
CREATE TABLE IF NOT EXISTS schema_versions (
    number UInt32, retention_days UInt32, applied_at DateTime64(6, 'UTC')
) ENGINE = MergeTree ORDER BY number
"""


def create_database(database: str) -> tuple[str, ...]:
    """What must exist before anything else can be asked; the name is checked by TelemetrySettings."""
    return (f"CREATE DATABASE IF NOT EXISTS {database} ENGINE = Atomic",)


def create_versions() -> str:
    """The table of what has been applied; one row a version, a row more for each change of retention."""
    return _VERSIONS_TABLE


def applied() -> str:
    """One row (newest, days): the newest version, and the retention set last."""
    return (
        "SELECT max(v.number) AS newest, argMax(v.retention_days, (v.applied_at, v.number)) AS days "
        "FROM schema_versions AS v"
    )


def set_retention(days: int) -> tuple[str, ...]:
    """An ALTER a table; metadata only, FOLLOW_RETENTION makes the parts that exist follow."""
    return tuple(
        f"ALTER TABLE {table} MODIFY TTL toDateTime(ts) + toIntervalDay({days}) "
        "SETTINGS materialize_ttl_after_modify = 0"
        for table in _TABLES
    )


# Parts of past days never merge again: they must be told. They are not rewritten for it; what is over by
# now goes with the next merges.
FOLLOW_RETENTION = tuple(
    f"ALTER TABLE {table} {what}"
    for table in _TABLES
    for what in ("MODIFY SETTING materialize_ttl_recalculate_only = 1", "MATERIALIZE TTL")
)


def days_of(table: str) -> str:
    """Rows (day) of the days that a table of ours has rows of."""
    return f"SELECT DISTINCT toDate(ts) AS day FROM {table} ORDER BY day"  # noqa: S608 - our own name


def remember() -> str:
    """INSERT of one applied version, with the parameters `number` and `days`."""
    return "INSERT INTO schema_versions SELECT {number:UInt32}, {days:UInt32}, now64(6, 'UTC')"
