"""CallRecord: one request that the gateway answered, as it goes into the spool and becomes a span.

The spool holds it as a msgpack array, so fields are only ever added at the end, with a default.
Everything in it that came from a client or a server has been masked before it got here.
"""

import msgspec


class CallRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One answered request. Empty text means "not known" or "does not apply"."""

    ts_ns: int  # start, Unix nanoseconds
    duration_ns: int
    org_id: str
    key_id: str
    user_id: str
    team_id: str
    project_id: str
    env: str
    trace_id: str  # 32 hex
    span_id: str  # 16 hex, unique
    parent_span_id: str  # 16 hex or empty
    door: str  # "mcp" | "rest"
    era: str  # "modern" | "legacy" | ""
    method: str  # MCP method such as "tools/call"; "stream/get", "session/delete" for HTTP GET and DELETE
    server: str
    tool: str  # tool or prompt name
    resource_uri: str
    status: str  # "success" | "error" | "timeout"
    reason: str  # base.errors.Reason, empty on success
    http_status: int
    rpc_code: int  # JSON-RPC error code, 0 when none
    error_detail: str
    auth_ns: int
    policy_ns: int
    upstream_ns: int
    request_bytes: int
    response_bytes: int
    input_tokens: int  # estimated
    output_tokens: int  # estimated
    cost_micros: int
    request_body: str  # masked, at most 64 KiB
    response_body: str
    is_request_cut: bool
    is_response_cut: bool
    agent: str  # clientInfo.name, else the product of User-Agent
    session: str  # a hash of the legacy session id
    rpc_id: str
    request_id: str  # X-Request-ID
    protocol_version: str
    client_address: str


def operation(method: str) -> str:
    """The span's operation name in the traces API: `tools/call` is `mcp.tools.call`."""
    return "mcp." + method.replace("/", ".")
