"""The SQL of log records that came by OTLP: lists of them, and those of one trace."""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from typing import Any

import msgspec

from gatewayops.store.telemetry.span_filter import in_extent, in_range

_COLUMNS = """
    toUnixTimestamp64Nano(ts) AS at_ns, log_id, trace_id, span_id, severity, severity_text, event_name, body,
    server, service, scope, attributes, resource
"""
_EQUAL = ("trace_id", "server", "service")


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Log records of one organisation in a time range; empty text and zero mean "any"."""

    org_id: str
    start_ns: int  # Unix nanoseconds, inclusive
    end_ns: int  # exclusive
    trace_id: str = ""
    server: str = ""
    service: str = ""
    min_severity: int = 0  # OTLP's SeverityNumber
    text: str = ""  # anywhere in the body or the event's name; any case


def list_logs(wanted: LogFilter, *, is_continued: bool) -> str:
    """Newest first. Parameters of `list_values`, `limit`, and `before_ns`, `before_id` when continued."""
    conditions = [in_range(), *(f"{name} = {{{name}:String}}" for name in _EQUAL if getattr(wanted, name))]
    if wanted.min_severity:
        conditions.append("severity >= {min_severity:Int32}")
    if wanted.text:
        places = (
            f"positionCaseInsensitiveUTF8({name}, {{text:String}}) > 0" for name in ("body", "event_name")
        )
        conditions.append(f"({' OR '.join(places)})")
    if is_continued:
        conditions.append(
            "ts <= fromUnixTimestamp64Nano({before_ns:Int64}, 'UTC') "
            "AND (toUnixTimestamp64Nano(ts), log_id) < ({before_ns:Int64}, {before_id:String})"
        )
    return (
        f"SELECT {_COLUMNS} FROM logs WHERE {' AND '.join(conditions)} "
        "ORDER BY ts DESC, log_id DESC LIMIT {limit:UInt32}"
    )


def list_values(wanted: LogFilter) -> dict[str, Any]:
    """The values of `list_logs` but for `limit` and where to continue."""
    named = {name: getattr(wanted, name) for name in (*_EQUAL, "min_severity", "text")}
    given = {name: value for name, value in named.items() if value}
    return {"org": wanted.org_id, "start": wanted.start_ns, "end": wanted.end_ns} | given


def logs_of_trace() -> str:
    """In order of time. Parameters `org`, `trace`, `first`, `last` (see extent_of_trace), `limit`."""
    return (
        f"SELECT {_COLUMNS} FROM logs WHERE {in_extent()} AND trace_id = {{trace:String}} "
        "ORDER BY ts, log_id LIMIT {limit:UInt32}"
    )
