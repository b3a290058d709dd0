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
from gatewayops.record.otlp.raw_attributes import RawAttributes
from gatewayops.record.otlp.sender import Rejected, hashed
from gatewayops.record.otlp.span_record import Event, Link, SpanRecord, SpanTexts

MOST_EVENTS = 128
_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_ERROR = 2
_TIMEOUTS = re.compile(r"(?i).*(timeout|timed_out|deadline_?exceeded)\w*")


class SpanReader(GroupReader):
    """Makes the records of one request."""

    def records(self, request: Any) -> list[SpanRecord]:  # noqa: ANN401 - a message of either form
        """All good spans of a request, masked; what is not good is in `refusals`."""
        self._own_attributes = self.attributes if self.is_json else RawAttributes().read
        found: list[SpanRecord] = []
        for group in self.groups(request, "spans", "spans"):
            found += self._of_group(group)
        return found

    def _of_group(self, group: Group) -> list[SpanRecord]:
        made = []
        for span in group.items:
            try:
                made.append(self._read(span, group))
            except (Rejected, ValueError) as error:
                self.refusals.add(str(error))
        for record, texts in zip(made, masked(self.masker, [record.texts for record in made]), strict=True):
            record.texts = texts
        return made

    def _read(self, span: Any, group: Group) -> SpanRecord:  # noqa: ANN401
        """A span, not yet masked. Raises Rejected, ValueError."""
        sender, status, kind, parent = self.sender, span.status, span.kind or 0, span.parent_span_id
        start_ns, end_ns = whole(span.start_time_unix_nano), whole(span.end_time_unix_nano)
        self.window.check(start_ns)
        attributes = self._own_attributes(span.attributes)
        take = attributes.pop
        outcome = _outcome((status.code or 0) if status else 0, attributes)
        record = SpanRecord(
            ts_ns=start_ns,
            duration_ns=max(0, min(end_ns, self.window.newest_ns) - start_ns),
            org_id=sender.org_id,
            key_id=sender.key_id,
            user_id=sender.user_id,
            team_id=sender.team_id,
            project_id=sender.project_id,
            env=sender.env,
            trace_id=hex_id(span.trace_id, 16),
            span_id=hex_id(span.span_id, 8),
            parent_span_id=hex_id(parent, 8) if parent else "",
            kind=_KINDS[kind] if 0 <= kind < len(_KINDS) else "",
            server=group.server,
            status=outcome[0],
            reason=outcome[1],
            http_status=outcome[2],
            rpc_code=outcome[3],
            input_tokens=_count(take("gen_ai.usage.input_tokens", "")),
            output_tokens=_count(take("gen_ai.usage.output_tokens", "")),
            session=hashed(take("mcp.session.id", "")),
            is_request_cut=False,
            is_response_cut=False,
            texts=self._texts(span, status, attributes),
            source=group.source,
        )
        if record.texts.request_body or record.texts.response_body:
            self._cut(record)
        return record

    def _texts(self, span: Any, status: Any, attributes: dict[str, str]) -> SpanTexts:  # noqa: ANN401
        """All that the sender wrote; takes what has a column out of the attributes."""
        take = attributes.pop
        return SpanTexts(
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

    def _cut(self, record: SpanRecord) -> None:
        """Bodies as the gateway keeps its own: masked with the organisation's paths, and no longer."""
        texts = record.texts
        (
            texts.request_body,
            record.is_request_cut,
            texts.response_body,
            record.is_response_cut,
        ) = self.masker.bodies(texts.request_body.encode(), texts.response_body.encode(), self.body_limit)

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


def _outcome(code: int, attributes: dict[str, str]) -> tuple[str, str, int, int]:
    """Status, reason, HTTP status and JSON-RPC code."""
    error_type = attributes.get("error.type", "")
    status = "success"
    if code == _ERROR:
        status = "timeout" if _TIMEOUTS.fullmatch(error_type) else "error"
    return (
        status,
        error_type if error_type == Reason.TOOL_ERROR else "",  # the others are ours to say
        _count(attributes.get("http.response.status_code", ""), most=999),
        _count(attributes.pop("rpc.response.status_code", "")),
    )


def _count(text: str, *, most: int = 2**62) -> int:
    """The number that an attribute holds; 0 for anything else."""
    if not text or not text.removeprefix("-").isdecimal() or len(text) > 19:
        return 0
    return max(-most, min(most, int(text)))
