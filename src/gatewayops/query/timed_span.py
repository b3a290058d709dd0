"""A span as placing and splitting see it: who is above it, when it ran, and by whose clock."""

from dataclasses import dataclass
from typing import Any

from gatewayops.query.trace_rows import SpanRow

OTLP = "otlp"  # the door of spans that others made and sent here


@dataclass(frozen=True, slots=True)
class TimedSpan:
    """`is_foreign` spans were timed elsewhere: their length counts, their place on our clock does not."""

    span_id: str
    parent_span_id: str
    start_ns: int
    duration_ns: int
    is_foreign: bool = False
    source: str = ""  # of a foreign span: whose clock
    auth_ns: int = 0
    policy_ns: int = 0
    upstream_ns: int = 0


def timed_span(span: SpanRow) -> TimedSpan:
    """Of a whole span."""
    return timed_row(
        span.fields
        | {"span_id": span.span_id, "parent_span_id": span.parent_span_id, "start_ns": span.start_ns}
    )


def timed_row(row: dict[str, Any]) -> TimedSpan:
    """Of a row of trace_sql.outline_of_trace."""
    is_foreign = row["door"] == OTLP
    return TimedSpan(
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        start_ns=row["start_ns"],
        duration_ns=max(0, row["duration_ns"]),
        is_foreign=is_foreign,
        source=(row["service"] or row["server"]) if is_foreign else "",
        auth_ns=row["auth_ns"],
        policy_ns=row["policy_ns"],
        upstream_ns=row["upstream_ns"],
    )
