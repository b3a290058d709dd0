"""Where OTLP over HTTP arrives, beside the query routes of the same names. Gateway and API both know it."""

TRACES = "/v1/traces"
LOGS = "/v1/logs"
METRICS = "/v1/metrics"
PATHS = frozenset((TRACES, LOGS, METRICS))
