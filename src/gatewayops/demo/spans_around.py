"""What others would have exported about a run: the agent's own span around its calls, and servers' inside.

They stand in the calls' trace as exported spans do, so that a waterfall has a tree, and a latency its parts.
"""

from collections.abc import Sequence
from random import Random

from gatewayops.record.call_record import CallRecord
from gatewayops.record.otlp.sender import Sender
from gatewayops.record.otlp.span_record import Source, SpanRecord, SpanTexts

_EXPORTING = frozenset({"github", "postgres", "jira"})  # servers with OpenTelemetry
_WARM_UP_NS, _WRAP_UP_NS = 350_000_000, 900_000_000  # of an agent, before and after its calls


def around(random: Random, calls: Sequence[CallRecord]) -> list[SpanRecord]:
    """Of a run whose calls share a trace; of other runs none."""
    first, last = calls[0], calls[-1]
    if not first.parent_span_id:
        return []
    begin_ns = first.ts_ns - random.randint(0, _WARM_UP_NS)
    end_ns = last.ts_ns + last.duration_ns + random.randint(0, _WRAP_UP_NS)
    agent = _span(first, name=f"invoke_agent {first.agent}", kind="internal", service=first.agent)
    agent.span_id, agent.parent_span_id = first.parent_span_id, ""
    agent.ts_ns, agent.duration_ns = begin_ns, end_ns - begin_ns
    return [agent, *(_inside(random, call) for call in calls if _is_exported(call))]


def _is_exported(call: CallRecord) -> bool:
    return (
        call.server.removesuffix("-demo") in _EXPORTING and call.upstream_ns > 0 and call.status != "timeout"
    )


def _inside(random: Random, call: CallRecord) -> SpanRecord:
    """The server's own: shorter than what the gateway waited, by the network."""
    span = _span(call, name=f"{call.method} {call.tool}".strip(), kind="server", service=f"{call.server}-mcp")
    network_ns = min(random.randint(300_000, 4_000_000), call.upstream_ns // 3)
    span.ts_ns = call.ts_ns + call.auth_ns + call.policy_ns + network_ns // 2
    span.duration_ns = call.upstream_ns - network_ns
    span.span_id, span.parent_span_id = f"{random.getrandbits(64):016x}", call.span_id
    span.status, span.server = call.status, call.server
    return span


def _span(call: CallRecord, *, name: str, kind: str, service: str) -> SpanRecord:
    nothing = dict.fromkeys(SpanTexts.__struct_fields__, "")
    texts = SpanTexts(**nothing | {"name": name, "attributes": {"demo": "seeded"}, "events": [], "links": []})  # type: ignore[arg-type]
    source = Source(service, "demo", "", {"service.name": service})
    return SpanRecord(
        ts_ns=call.ts_ns,
        duration_ns=0,
        trace_id=call.trace_id,
        span_id="",
        parent_span_id="",
        kind=kind,
        server="",
        status="success",
        reason="",
        http_status=0,
        rpc_code=0,
        input_tokens=0,
        output_tokens=0,
        session="",
        is_request_cut=False,
        is_response_cut=False,
        texts=texts,
        sender=Sender(
            org_id=call.org_id,
            key_id=call.key_id,
            user_id=call.user_id,
            team_id=call.team_id,
            project_id=call.project_id,
            env=call.env,
        ),
        source=source,
    )
