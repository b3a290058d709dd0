"""W3C Trace Context: where a call hangs in its caller's trace, and what we hand on.

Source: W3C Trace Context level 1, `traceparent`; MCP 2026-07-28, `_meta.traceparent`.
"""

import msgspec

from gatewayops.base.ids import new_span_id, new_trace_and_span_id, trace_id_of

_HEX = frozenset("0123456789abcdef")


class Span(msgspec.Struct, frozen=True, gc=False):
    """Our own span of this call."""

    trace_id: str
    span_id: str
    parent_id: str

    def shown_id(self) -> str:
        """The trace id as people and the traces API write it: `tr_` and 32 hex digits."""
        return f"tr_{self.trace_id}"

    def traceparent(self) -> str:
        """What the server behind gets as its parent."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def open_span(*, meta_parent: str, named_trace: str, header_parent: str) -> Span:
    """A span below `_meta.traceparent`, else in the trace that X-Trace-ID names, else below the header's.

    What does not parse counts as absent, as the standard asks.
    """
    parent = _parse(meta_parent)
    if parent is None and named_trace:
        return Span(trace_id_of(named_trace), new_span_id(), "")
    if parent is None:
        parent = _parse(header_parent)
    if parent is None:
        return new_root()
    return Span(parent[0], new_span_id(), parent[1])


def new_root() -> Span:
    """A span that begins a trace of its own."""
    return Span(*new_trace_and_span_id(), "")


def _parse(text: str) -> tuple[str, str] | None:
    if len(text) < 55 or text[2] != "-" or text[35] != "-" or text[52] != "-" or text[:2] == "ff":
        return None
    if len(text) > 55 and (text[:2] == "00" or text[55] != "-"):  # only later versions may add parts
        return None
    trace_id, span_id = text[3:35], text[36:52]
    is_hex = _HEX.issuperset(text[:2] + trace_id + span_id + text[53:55])
    if not is_hex or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return trace_id, span_id
