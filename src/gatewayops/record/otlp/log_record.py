"""LogRecord: one exported log record, checked and masked, on its way to a row."""

import msgspec

from gatewayops.record.otlp.span_record import Source


class LogTexts(msgspec.Struct, array_like=True, gc=False):
    """All that the sender wrote freely: masked as one."""

    body: str
    severity_text: str
    event_name: str
    attributes: dict[str, str]


class LogRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One log record. Empty text means "not known"."""

    ts_ns: int
    observed_ns: int
    org_id: str
    key_id: str
    user_id: str
    team_id: str
    project_id: str
    env: str
    log_id: str  # ours: 16 hex
    trace_id: str  # 32 hex or empty
    span_id: str  # 16 hex or empty
    severity: int  # OpenTelemetry's severity number, 0 when none
    server: str
    texts: LogTexts
    source: Source
