"""What version 2 of the telemetry schema adds for OTLP: columns of spans, and tables of logs and points.

Exported spans stand in the table of the gateway's own, with `door` = 'otlp', so that they join one trace.
"""

OTLP_DOOR = "otlp"

# What recorders insert, in this order: (column, Arrow kind). See telemetry.arrow.
_SENDER: tuple[tuple[str, str], ...] = (
    ("org_id", "string"),
    ("key_id", "string"),
    ("user_id", "string"),
    ("team_id", "string"),
    ("project_id", "string"),
    ("env", "string"),
)
_SOURCE: tuple[tuple[str, str], ...] = (
    ("server", "string"),
    ("service", "string"),
    ("scope", "string"),
    ("scope_version", "string"),
    ("resource", "map"),
    ("attributes", "map"),
)
OTLP_SPAN_COLUMNS: tuple[tuple[str, str], ...] = (
    ("ts", "timestamp"),
    ("duration_ns", "int64"),
    *_SENDER,
    ("trace_id", "string"),
    ("span_id", "string"),
    ("parent_span_id", "string"),
    ("door", "string"),
    ("name", "string"),
    ("kind", "string"),
    ("method", "string"),
    ("tool", "string"),
    ("resource_uri", "string"),
    ("status", "string"),
    ("reason", "string"),
    ("http_status", "int32"),
    ("rpc_code", "int64"),
    ("error_detail", "string"),
    ("input_tokens", "int64"),
    ("output_tokens", "int64"),
    ("request_body", "string"),
    ("response_body", "string"),
    ("is_request_cut", "bool"),
    ("is_response_cut", "bool"),
    ("agent", "string"),
    ("session", "string"),
    ("rpc_id", "string"),
    ("protocol_version", "string"),
    ("client_address", "string"),
    ("trace_state", "string"),
    ("events", "string"),
    ("links", "string"),
    *_SOURCE,
    ("batch", "string"),
)
LOG_COLUMNS: tuple[tuple[str, str], ...] = (
    ("ts", "timestamp"),
    ("observed_ns", "int64"),
    *_SENDER,
    ("log_id", "string"),
    ("trace_id", "string"),
    ("span_id", "string"),
    ("severity", "int32"),
    ("severity_text", "string"),
    ("event_name", "string"),
    ("body", "string"),
    *_SOURCE,
    ("batch", "string"),
)
POINT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("ts", "timestamp"),
    ("start_ns", "int64"),
    *_SENDER,
    ("point_id", "string"),
    ("name", "string"),
    ("kind", "string"),
    ("unit", "string"),
    ("temporality", "string"),
    ("is_monotonic", "bool"),
    ("value", "float64"),
    ("count", "int64"),
    ("sum", "float64"),
    ("min", "float64"),
    ("max", "float64"),
    ("bounds", "floats"),
    ("counts", "ints"),
    ("scale", "int32"),
    ("zero_count", "int64"),
    ("zero_threshold", "float64"),
    ("positive_offset", "int32"),
    ("positive_counts", "ints"),
    ("negative_offset", "int32"),
    ("negative_counts", "ints"),
    ("quantiles", "floats"),
    ("quantile_values", "floats"),
    *_SOURCE,
    ("batch", "string"),
)

_SENDER_DDL = """
    org_id LowCardinality(String),
    key_id LowCardinality(String),
    user_id LowCardinality(String),
    team_id LowCardinality(String),
    project_id LowCardinality(String),
    env LowCardinality(String)"""
_SOURCE_DDL = """
    server LowCardinality(String),
    service LowCardinality(String),
    scope LowCardinality(String),
    scope_version LowCardinality(String),
    resource Map(LowCardinality(String), String),
    attributes Map(LowCardinality(String), String),
    batch LowCardinality(String)"""
_ENGINE = """ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY ({order})
TTL toDateTime(ts) + toIntervalDay(30)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1"""

_LOGS = f"""
CREATE TABLE IF NOT EXISTS logs (
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    observed_ns Int64 CODEC(ZSTD(1)),{_SENDER_DDL},
    log_id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    severity Int32,
    severity_text LowCardinality(String),
    event_name LowCardinality(String),
    body String CODEC(ZSTD(3)),{_SOURCE_DDL},
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) {_ENGINE.format(order="org_id, ts")}
"""

_POINTS = f"""
CREATE TABLE IF NOT EXISTS metric_points (
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_ns Int64 CODEC(ZSTD(1)),{_SENDER_DDL},
    point_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    kind LowCardinality(String),
    unit LowCardinality(String),
    temporality LowCardinality(String),
    is_monotonic Bool,
    value Nullable(Float64) CODEC(ZSTD(1)),
    count Int64 CODEC(ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    bounds Array(Float64) CODEC(ZSTD(1)),
    counts Array(Int64) CODEC(ZSTD(1)),
    scale Int32,
    zero_count Int64,
    zero_threshold Float64,
    positive_offset Int32,
    positive_counts Array(Int64) CODEC(ZSTD(1)),
    negative_offset Int32,
    negative_counts Array(Int64) CODEC(ZSTD(1)),
    quantiles Array(Float64) CODEC(ZSTD(1)),
    quantile_values Array(Float64) CODEC(ZSTD(1)),{_SOURCE_DDL}
) {_ENGINE.format(order="org_id, name, ts")}
"""

_ADDED = (
    "name LowCardinality(String) CODEC(ZSTD(1))",
    "kind LowCardinality(String)",
    "service LowCardinality(String)",
    "scope LowCardinality(String)",
    "scope_version LowCardinality(String)",
    "trace_state String CODEC(ZSTD(1))",
    "events String CODEC(ZSTD(3))",  # JSON: [{"time_ns", "name", "attributes"}]
    "links String CODEC(ZSTD(3))",  # JSON: [{"trace_id", "span_id", "attributes"}]
    "resource Map(LowCardinality(String), String)",
)

STATEMENTS = (*(f"ALTER TABLE spans ADD COLUMN IF NOT EXISTS {column}" for column in _ADDED), _LOGS, _POINTS)
