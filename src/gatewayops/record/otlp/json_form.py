"""The JSON form of OTLP, as protobuf's JSON mapping with OTLP's own rules.

Ids are hex, enums are numbers, names are lowerCamelCase, 64-bit numbers come as text or number, unknown
fields are passed over, and null is as good as absent. Attribute names are those of the protobuf
messages, so that whoever makes records reads either form.
"""

import base64
import binascii
import math
from typing import Any

import msgspec

from gatewayops.record.otlp.values import LONGEST_NAME, MOST_ATTRIBUTES, as_text

_DEEPEST = 16
_TOP = 2**64

Integer = int | str | None
Number = float | int | str | None


class Form(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """What all messages share. What is absent is left out when they are written, too."""


class ArrayValue(Form):
    """Of AnyValue."""

    values: "list[AnyValue] | None" = None


class KeyValueList(Form):
    """Of AnyValue."""

    values: "list[KeyValue] | None" = None


class AnyValue(Form):
    """One of these is there."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Integer = None
    double_value: Number = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None

    def plain(self, depth: int = 0) -> object:
        """As Python has it. Raises ValueError for a number that is none."""
        if depth > _DEEPEST:
            return None
        if self.array_value is not None:
            return [each.plain(depth + 1) for each in self.array_value.values or ()]
        if self.kvlist_value is not None:
            pairs = self.kvlist_value.values or ()
            return {pair.key: pair.value.plain(depth + 1) if pair.value else None for pair in pairs}
        return self._scalar()

    def _scalar(self) -> object:
        if self.int_value is not None:
            return whole(self.int_value)
        if self.double_value is not None:
            return number(self.double_value)
        if self.bytes_value is not None:
            return decoded(self.bytes_value)
        return self.bool_value if self.bool_value is not None else self.string_value


class KeyValue(Form):
    """An attribute."""

    key: str = ""
    value: AnyValue | None = None


class Resource(Form):
    """Who produced something."""

    attributes: list[KeyValue] | None = None


class Scope(Form):
    """The library that did."""

    name: str | None = None
    version: str | None = None


class Status(Form):
    """How a span ended."""

    message: str | None = None
    code: int | None = None


class SpanEvent(Form):
    """Of a span."""

    time_unix_nano: Integer = None
    name: str | None = None
    attributes: list[KeyValue] | None = None


class SpanLink(Form):
    """Of a span."""

    trace_id: str | None = None
    span_id: str | None = None
    attributes: list[KeyValue] | None = None


class Span(Form):
    """A span."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str | None = None
    kind: int | None = None
    start_time_unix_nano: Integer = None
    end_time_unix_nano: Integer = None
    attributes: list[KeyValue] | None = None
    events: list[SpanEvent] | None = None
    links: list[SpanLink] | None = None
    status: Status | None = None


class ScopeSpans(Form):
    """Spans of one library."""

    scope: Scope | None = None
    spans: list[Span] | None = None


class ResourceSpans(Form):
    """Spans of one resource."""

    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None


class TracesRequest(Form):
    """ExportTraceServiceRequest."""

    resource_spans: list[ResourceSpans] | None = None


class LogRecord(Form):
    """A log record."""

    time_unix_nano: Integer = None
    observed_time_unix_nano: Integer = None
    severity_number: int | None = None
    severity_text: str | None = None
    body: AnyValue | None = None
    attributes: list[KeyValue] | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


class ScopeLogs(Form):
    """Log records of one library."""

    scope: Scope | None = None
    log_records: list[LogRecord] | None = None


class ResourceLogs(Form):
    """Log records of one resource."""

    resource: Resource | None = None
    scope_logs: list[ScopeLogs] | None = None


class LogsRequest(Form):
    """ExportLogsServiceRequest."""

    resource_logs: list[ResourceLogs] | None = None


def text(value: AnyValue | None) -> str:
    """A value alone. Raises ValueError."""
    return as_text(value.plain()) if value else ""


def attributes(pairs: list[KeyValue] | None) -> dict[str, str]:
    """The first MOST_ATTRIBUTES of them, without those of longer names; of two with one name the last."""
    return {
        pair.key: as_text(pair.value.plain()) if pair.value else ""
        for pair in (pairs or ())[:MOST_ATTRIBUTES]
        if len(pair.key) <= LONGEST_NAME
    }


def whole(given: Any) -> int:  # noqa: ANN401 - text or number, of either form
    """A 64-bit number. Raises ValueError."""
    if isinstance(given, int) and 0 <= given < _TOP:
        return given
    if given is None:
        return 0
    if isinstance(given, str) and not given.removeprefix("-").isdecimal():
        msg = "a number is not one"
        raise ValueError(msg)
    value = int(given)
    if not -(2**63) <= value < _TOP:
        msg = "a number is too large"
        raise ValueError(msg)
    return value


def number(given: Any) -> float:  # noqa: ANN401
    """A double; the mapping writes NaN and the infinities as text. Raises ValueError."""
    special = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    return special[given] if isinstance(given, str) and given in special else float(given or 0)


def decoded(text: str) -> bytes:
    """Base64 of either alphabet, with padding or without. Raises ValueError."""
    try:
        plain = text.replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        msg = "bytes are not base64"
        raise ValueError(msg) from error
