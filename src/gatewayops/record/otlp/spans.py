"""Spans of either form become records; a bad one is left out and counted, the others stay.

What OpenTelemetry's conventions for MCP and generative AI name (`mcp.method.name`, `gen_ai.tool.name`,
`error.type`, …) goes into the columns that the gateway's own calls use, so that both answer the same
questions; all other attributes stay as they are.
"""

import re
from collections.abc import Sequence
from typing import Any

from gatewayops.base.errors import Reason
from gatewayops.record.otlp.grouped import Group, GroupReader
from gatewayops.record.otlp.ids import hex_id
from gatewayops.record.otlp.json_form import whole
from gatewayops.record.otlp.masked import masked
from gatewayops.record.otlp.sender import Rejected, hashed
from gatewayops.record.otlp.span_record import Event, Link, SpanRecord, SpanTexts

MOST_EVENTS = 128
_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_ERROR = 2
_TIMEOUTS = re.compile(r"(?i).*(timeout|timed_out|deadline_?exceeded)\w*")
_REASONS = frozenset(Reason)


class SpanReader(GroupReader):
    """Makes the records of one request."""

    def records(self, request: Any) -> list[SpanRecord]:  # noqa: ANN401 - a message of either form
        """All good spans of a request, masked; what is not good is in `refusals`."""
        found: list[SpanRecord] = []
        for group in self.groups(request, "spans", "spans"):
            found += self._of_group(group)
        return found

    def _of_group(self, group: Group) -> list[SpanRecord]:
        made: list[tuple[SpanTexts, dict[str, Any]]] = []
        for span in group.items:
            try:
                made.append(self._texts(span))
            except (Rejected, ValueError) as error:
                self.refusals.add(str(error))
        texts = masked(self.masker, [each for each, _ in made])
        same: dict[str, Any] = {"server": group.server, "source": group.source} | self.ids()
        return [
            SpanRecord(texts=clean, **same, **facts) for clean, (_, facts) in zip(texts, made, strict=True)
        ]

    def _texts(self, span: Any) -> tuple[SpanTexts, dict[str, Any]]:  # noqa: ANN401
        """A span's texts, and the facts that are no text. Raises Rejected, ValueError."""
        start_ns, end_ns = whole(span.start_time_unix_nano), whole(span.end_time_unix_nano)
        self.window.check(start_ns)
        attributes = self.attributes(span.attributes)
        take = attributes.pop
        status = span.status
        error_type = attributes.get("error.type", "")
        http_status = attributes.get("http.response.status_code", "")
        facts = {
            "ts_ns": start_ns,
            "duration_ns": max(0, min(end_ns, self.window.newest_ns) - start_ns),
            "trace_id": hex_id(span.trace_id, 16),
            "span_id": hex_id(span.span_id, 8),
            "parent_span_id": hex_id(span.parent_span_id, 8) if span.parent_span_id else "",
            "kind": _KINDS[span.kind] if 0 <= (span.kind or 0) < len(_KINDS) and span.kind else "",
            "status": _status((status.code or 0) if status else 0, error_type),
            "reason": error_type if error_type in _REASONS else "",
            "http_status": _count(http_status, most=999),
            "rpc_code": _count(take("rpc.response.status_code", "")),
            "input_tokens": _count(take("gen_ai.usage.input_tokens", "")),
            "output_tokens": _count(take("gen_ai.usage.output_tokens", "")),
            "session": hashed(take("mcp.session.id", "")),
            "is_request_cut": False,
            "is_response_cut": False,
        }
        texts = SpanTexts(
            name=span.name or "",
            method=take("mcp.method.name", ""),
            tool=take("gen_ai.tool.name", "") or take("gen_ai.prompt.name", ""),
            resource_uri=take("mcp.resource.uri", ""),
            error_detail=(status.message or "") if status else "",
            request_body=take("gen_ai.tool.call.arguments", ""),
            response_body=take("gen_ai.tool.call.result", ""),
            agent=take("gen_ai.agent.name", ""),
            rpc_id=take("jsonrpc.request.id", ""),
            protocol_version=take("mcp.protocol.version", ""),
            client_address=take("client.address", ""),
            trace_state=span.trace_state or "",
            attributes=attributes,
            events=self._events(span.events) if span.events else [],
            links=self._links(span.links) if span.links else [],
        )
        if texts.request_body or texts.response_body:
            self._cut(texts, facts)
        return texts, facts

    def _cut(self, texts: SpanTexts, facts: dict[str, Any]) -> None:
        """Bodies as the gateway keeps its own: masked with the organisation's paths, and no longer."""
        texts.request_body, facts["is_request_cut"], texts.response_body, facts["is_response_cut"] = (
            self.masker.bodies(texts.request_body.encode(), texts.response_body.encode(), self.body_limit)
        )

    def _events(self, events: Sequence[Any]) -> list[Event]:
        return [
            Event(_moment(event.time_unix_nano), event.name or "", self.attributes(event.attributes))
            for event in events[:MOST_EVENTS]
        ]

    def _links(self, links: Sequence[Any]) -> list[Link]:
        return [
            Link(hex_id(link.trace_id, 16), hex_id(link.span_id, 8), self.attributes(link.attributes))
            for link in links[:MOST_EVENTS]
        ]


def _moment(given: int | str | None) -> str:
    """Of an event: within what 64 bits hold, whatever was sent."""
    return str(min(max(whole(given), 0), 2**63 - 1))


def _status(code: int, error_type: str) -> str:
    if code == _ERROR:
        return "timeout" if _TIMEOUTS.fullmatch(error_type) else "error"
    return "success"


def _count(text: str, *, most: int = 2**62) -> int:
    """The number that an attribute holds; 0 for anything else."""
    if not text.removeprefix("-").isdecimal() or len(text) > 19:
        return 0
    return max(-most, min(most, int(text)))
