"""Spans of either form become records; a bad one is left out and counted, the others stay.

What OpenTelemetry's conventions for MCP and generative AI name (`mcp.method.name`, `gen_ai.tool.name`,
`error.type`, …) goes into the columns that the gateway's own calls use, so that both answer the same
questions; all other attributes stay as they are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(slots=True)
class _Facts:
    """What of a span is no text."""

    ts_ns: int
    duration_ns: int
    ids: tuple[str, str, str]  # trace, span, parent
    kind: str
    outcome: tuple[str, str, int, int]  # status, reason, HTTP status, JSON-RPC code
    tokens: tuple[int, int]  # in, out
    session: str
    are_cut: tuple[bool, bool] = (False, False)  # request, response


class SpanReader(GroupReader):
    """Makes the records of one request."""

    def records(self, request: Any) -> list[SpanRecord]:  # noqa: ANN401 - a message of either form
        """All good spans of a request, masked; what is not good is in `refusals`."""
        found: list[SpanRecord] = []
        for group in self.groups(request, "spans", "spans"):
            found += self._of_group(group)
        return found

    def _of_group(self, group: Group) -> list[SpanRecord]:
        made = []
        for span in group.items:
            try:
                made.append(self._read(span))
            except (Rejected, ValueError) as error:
                self.refusals.add(str(error))
        texts = masked(self.masker, [each for each, _ in made])
        return [self._record(facts, clean, group) for clean, (_, facts) in zip(texts, made, strict=True)]

    def _record(self, facts: "_Facts", texts: SpanTexts, group: Group) -> SpanRecord:
        sender = self.sender
        trace_id, span_id, parent_span_id = facts.ids
        status, reason, http_status, rpc_code = facts.outcome
        return SpanRecord(
            ts_ns=facts.ts_ns,
            duration_ns=facts.duration_ns,
            org_id=sender.org_id,
            key_id=sender.key_id,
            user_id=sender.user_id,
            team_id=sender.team_id,
            project_id=sender.project_id,
            env=sender.env,
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent_span_id,
            kind=facts.kind,
            server=group.server,
            status=status,
            reason=reason,
            http_status=http_status,
            rpc_code=rpc_code,
            input_tokens=facts.tokens[0],
            output_tokens=facts.tokens[1],
            session=facts.session,
            is_request_cut=facts.are_cut[0],
            is_response_cut=facts.are_cut[1],
            texts=texts,
            source=group.source,
        )

    def _read(self, span: Any) -> "tuple[SpanTexts, _Facts]":  # noqa: ANN401
        """A span's texts, and the facts that are no text. Raises Rejected, ValueError."""
        start_ns, end_ns = whole(span.start_time_unix_nano), whole(span.end_time_unix_nano)
        self.window.check(start_ns)
        attributes = self.attributes(span.attributes)
        take = attributes.pop
        status, kind, parent = span.status, span.kind or 0, span.parent_span_id
        facts = _Facts(
            ts_ns=start_ns,
            duration_ns=max(0, min(end_ns, self.window.newest_ns) - start_ns),
            ids=(hex_id(span.trace_id, 16), hex_id(span.span_id, 8), hex_id(parent, 8) if parent else ""),
            kind=_KINDS[kind] if 0 <= kind < len(_KINDS) else "",
            outcome=_outcome((status.code or 0) if status else 0, attributes),
            tokens=(
                _count(take("gen_ai.usage.input_tokens", "")),
                _count(take("gen_ai.usage.output_tokens", "")),
            ),
            session=hashed(take("mcp.session.id", "")),
        )
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
            facts.are_cut = self._cut(texts)
        return texts, facts

    def _cut(self, texts: SpanTexts) -> tuple[bool, bool]:
        """Bodies as the gateway keeps its own: masked with the organisation's paths, and no longer."""
        texts.request_body, is_request_cut, texts.response_body, is_response_cut = self.masker.bodies(
            texts.request_body.encode(), texts.response_body.encode(), self.body_limit
        )
        return is_request_cut, is_response_cut

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
