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
from gatewayops.record.otlp.ids import hex_id, ids_of
from gatewayops.record.otlp.json_form import whole
from gatewayops.record.otlp.masked import masked
from gatewayops.record.otlp.raw_attributes import RawAttributes
from gatewayops.record.otlp.sender import Rejected, hashed
from gatewayops.record.otlp.span_record import Event, Link, SpanRecord, SpanTexts

MOST_EVENTS = 128
_AT_ONCE = 128  # spans, from their bytes to what is masked: as much as a core's own cache holds
_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_ERROR = 2
_FACTS = (
    *("error.type", "http.response.status_code", "rpc.response.status_code", "mcp.session.id"),
    *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
)  # what _facts reads
_TIMEOUTS = re.compile(r"(?i).*(timeout|timed_out|deadline_?exceeded)\w*")


class SpanReader(GroupReader):
    """Makes the records of one request."""

    def records(self, request: Any) -> list[SpanRecord]:  # noqa: ANN401 - a message of either form
        """All good spans of a request, masked; what is not good is in `refusals`."""
        raw = None if self.is_json else RawAttributes()
        found: list[SpanRecord] = []
        for group in self.groups(request, "spans", "spans"):
            for at in range(0, len(group.items), _AT_ONCE):
                spans = group.items[at : at + _AT_ONCE]
                read = [None] * len(spans) if raw is None else raw.of_spans(spans)
                found += self._some(spans, read, group)
        return found

    def _some(
        self, spans: Sequence[Any], read: Sequence[dict[str, str] | None], group: Group
    ) -> list[SpanRecord]:
        """`read` has the attributes of each span, or None where they are still to be read."""
        made = []
        for span, attributes in zip(spans, read, strict=True):
            try:
                made.append(self._read(span, attributes, group))
            except (Rejected, ValueError) as error:
                self.refusals.add(str(error))
        for record, texts in zip(made, masked(self.masker, [record.texts for record in made]), strict=True):
            record.texts = texts
        return made

    def _read(self, span: Any, attributes: dict[str, str] | None, group: Group) -> SpanRecord:  # noqa: ANN401
        """A span, not yet masked. Raises Rejected, ValueError."""
        start_ns, end_ns = whole(span.start_time_unix_nano), whole(span.end_time_unix_nano)
        self.window.check(start_ns)
        if attributes is None:
            attributes = self.attributes(span.attributes)
        status, kind = span.status, span.kind or 0
        code, message = (status.code or 0, status.message or "") if status is not None else (0, "")
        is_usual = code != _ERROR and attributes.keys().isdisjoint(_FACTS)
        facts = _USUAL if is_usual else _facts(code, attributes)
        trace_id, span_id, parent_id = ids_of(span)
        record = SpanRecord(  # by place, in the order of its fields: names take three times as long
            start_ns,
            max(0, min(end_ns, self.window.newest_ns) - start_ns),
            trace_id,
            span_id,
            parent_id,
            _KINDS[kind] if 0 <= kind < len(_KINDS) else "",
            *facts,
            False,
            False,
            self._texts(span, message, attributes),
            self.sender,
            group.server,
            group.source,
        )
        if record.texts.request_body or record.texts.response_body:
            self._cut(record)
        return record

    def _texts(self, span: Any, message: str, attributes: dict[str, str]) -> SpanTexts:  # noqa: ANN401
        """All that the sender wrote; takes what has a column out of the attributes."""
        take, events, links = attributes.pop, span.events, span.links
        return SpanTexts(  # by place, too
            span.name or "",
            take("mcp.method.name", ""),
            take("gen_ai.tool.name", "") or take("gen_ai.prompt.name", ""),
            take("mcp.resource.uri", ""),
            message,
            take("gen_ai.tool.call.arguments", ""),
            take("gen_ai.tool.call.result", ""),
            take("gen_ai.agent.name", ""),
            take("jsonrpc.request.id", ""),
            take("mcp.protocol.version", ""),
            take("client.address", ""),
            span.trace_state or "",
            attributes,
            self._events(events) if events else [],
            self._links(links) if links else [],
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


def _facts(code: int, attributes: dict[str, str]) -> tuple[str, str, int, int, int, int, str]:
    """Status, reason, HTTP status, JSON-RPC code, tokens in and out, session; takes what has a column."""
    error_type, take = attributes.get("error.type", ""), attributes.pop
    status = "success"
    if code == _ERROR:
        status = "timeout" if _TIMEOUTS.fullmatch(error_type) else "error"
    return (
        status,
        error_type if error_type == Reason.TOOL_ERROR else "",  # the others are ours to say
        _count(attributes.get("http.response.status_code", ""), most=999),
        _count(take("rpc.response.status_code", "")),
        _count(take("gen_ai.usage.input_tokens", "")),
        _count(take("gen_ai.usage.output_tokens", "")),
        hashed(take("mcp.session.id", "")),
    )


def _count(text: str, *, most: int = 2**62) -> int:
    """The number that an attribute holds; 0 for anything else."""
    if not text or not text.removeprefix("-").isdecimal() or len(text) > 19:
        return 0
    return max(-most, min(most, int(text)))


_USUAL = _facts(0, {})
