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

STATEMENTS = tuple(f"ALTER TABLE spans ADD COLUMN IF NOT EXISTS {column}" for column in _ADDED)
