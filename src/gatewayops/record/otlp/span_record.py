"""SpanRecord: one span that somebody else exported, checked and masked, on its way to a row."""

import msgspec

from gatewayops.record.otlp.sender import Sender


class Event(msgspec.Struct, array_like=True, gc=False):
    """Something that happened at a moment within a span."""

    ts_ns: str  # as text, so that masking sees texts only
    name: str
    attributes: dict[str, str]


class Link(msgspec.Struct, array_like=True, gc=False):
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    attributes: dict[str, str]


class SpanTexts(msgspec.Struct, array_like=True, gc=False):
    """All that the sender wrote freely about a span: masked as one. Names as in CallRecord."""

    name: str
    method: str
    tool: str
    resource_uri: str
    error_detail: str
    request_body: str
    response_body: str
    agent: str
    rpc_id: str
    protocol_version: str
    client_address: str
    trace_state: str
    attributes: dict[str, str]
    events: list[Event]
    links: list[Link]


class Source(msgspec.Struct, array_like=True, gc=False):
    """Who made spans, logs or points: the same for all of a scope, and masked once."""

    service: str
    scope: str
    scope_version: str
    resource: dict[str, str]


class SpanRecord(msgspec.Struct, gc=False):
    """One exported span. Empty text means "not known" or "does not apply"."""

    ts_ns: int
    duration_ns: int
    trace_id: str  # 32 hex
    span_id: str  # 16 hex
    parent_span_id: str  # 16 hex or empty
    kind: str  # "internal" | "server" | "client" | "producer" | "consumer" | ""
    status: str  # "success" | "error" | "timeout"
    reason: str  # "tool_error" where the sender says so, else empty
    http_status: int
    rpc_code: int
    input_tokens: int
    output_tokens: int
    session: str  # a hash
    is_request_cut: bool
    is_response_cut: bool
    texts: SpanTexts
    sender: Sender
    server: str  # whom the key speaks for, when it is one of ours
    source: Source
