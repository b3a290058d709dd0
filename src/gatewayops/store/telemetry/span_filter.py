"""Which spans and traces a question is about, and the SQL conditions that say so.

Conditions name their values as bound parameters; no value of a caller ever becomes part of the text.
"""

from typing import Any

import msgspec

from gatewayops.store.telemetry.otlp_schema import OTLP_DOOR

# For few columns: to plan, for each part of the store, what need not be read takes longer than to read it.
READ_ALL = "SETTINGS use_skip_indexes = 0, optimize_use_projections = 0, optimize_move_to_prewhere = 0"


class SpanFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A time range of one organisation; empty text and zero mean "any".

    The upper fields choose traces that have a span like that (one span must match them all); status,
    duration and cost are the whole trace's.
    """

    org_id: str
    start_ns: int  # Unix nanoseconds, inclusive
    end_ns: int  # exclusive
    user_id: str = ""
    team_id: str = ""
    project_id: str = ""
    key_id: str = ""
    server: str = ""
    tool: str = ""
    method: str = ""
    text: str = ""  # anywhere in tool, resource, error, request, response; any case
    trace_id: str = ""  # with `text`: or this trace
    agent: str = ""
    env: str = ""
    attributes: tuple[tuple[str, str], ...] = ()  # of one span, all of them: (key, value)
    statuses: tuple[str, ...] = ()
    min_duration_ns: int = 0
    max_duration_ns: int = 0
    min_cost_micros: int = 0
    max_cost_micros: int | None = None  # zero is a bound: what cost nothing


_EQUAL = ("user_id", "team_id", "project_id", "key_id", "server", "tool", "method", "agent", "env")
_SEARCHED = ("tool", "resource_uri", "reason", "error_detail", "request_body", "response_body")


def in_range() -> str:
    """Spans of the organisation within the time range; parameters `org`, `start`, `end`."""
    return (
        "org_id = {org:String} AND ts >= fromUnixTimestamp64Nano({start:Int64}, 'UTC') "
        "AND ts < fromUnixTimestamp64Nano({end:Int64}, 'UTC')"
    )


def in_extent() -> str:
    """Rows of the organisation between two moments, both included; of no other day is anything read.

    Parameters `org`, `first`, `last` (Unix nanoseconds).
    """
    return (
        "org_id = {org:String} AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') "
        "AND ts <= fromUnixTimestamp64Nano({last:Int64}, 'UTC')"
    )


def is_call() -> str:
    """Calls through the gateway: not the spans that others sent."""
    return f"door != '{OTLP_DOOR}'"


def span_conditions(wanted: SpanFilter) -> list[str]:
    """What one span must fulfil beyond the range; empty when any will do."""
    conditions = [f"{name} = {{{name}:String}}" for name in _EQUAL if getattr(wanted, name)]
    conditions += [
        f"attributes[{{attribute_{number}:String}}] = {{value_{number}:String}}"
        for number in range(len(wanted.attributes))
    ]
    if wanted.text:
        places = [f"positionCaseInsensitiveUTF8({name}, {{text:String}}) > 0" for name in _SEARCHED]
        conditions.append(f"({' OR '.join(places)} OR trace_id = {{trace_id:String}})")
    return conditions


def parameters(wanted: SpanFilter) -> dict[str, Any]:
    """The values of all conditions."""
    named = {name: getattr(wanted, name) for name in (*_EQUAL, "text", "trace_id")}
    return {
        **{name: value for name, value in named.items() if value},
        "org": wanted.org_id,
        "start": wanted.start_ns,
        "end": wanted.end_ns,
        "statuses": list(wanted.statuses),
        "min_duration_ns": wanted.min_duration_ns,
        "max_duration_ns": wanted.max_duration_ns,
        "min_cost_micros": wanted.min_cost_micros,
        "max_cost_micros": wanted.max_cost_micros or 0,
        **{f"attribute_{number}": key for number, (key, _) in enumerate(wanted.attributes)},
        **{f"value_{number}": value for number, (_, value) in enumerate(wanted.attributes)},
        **({"trace_id": wanted.trace_id} if wanted.text else {}),
    }
