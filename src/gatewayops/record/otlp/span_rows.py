"""Exported spans as columns: what the telemetry store's table of spans takes of them."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from gatewayops.record.otlp.span_record import Event, Link, SpanRecord
from gatewayops.store.telemetry.otlp_schema import OTLP_DOOR

LONGEST_NAME = 256  # of what ClickHouse keeps a dictionary of
_PLAIN = (
    "duration_ns", "org_id", "key_id", "user_id", "team_id", "project_id", "env", "trace_id", "span_id",
    "parent_span_id", "kind", "server", "status", "reason", "http_status", "rpc_code", "input_tokens",
    "output_tokens", "session", "is_request_cut", "is_response_cut",
)  # fmt: skip
_NAMES = ("name", "method", "tool", "agent", "protocol_version")
_TEXTS = (
    "resource_uri", "error_detail", "request_body", "response_body", "rpc_id", "client_address",
    "trace_state", "attributes",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode


def columns_of(records: Sequence[SpanRecord]) -> dict[str, Sequence[Any]]:
    """A list a column of OTLP_SPAN_COLUMNS, but for that of the batch."""
    texts = [record.texts for record in records]
    columns: dict[str, Sequence[Any]] = {name: list(map(attrgetter(name), records)) for name in _PLAIN}
    columns |= {name: list(map(attrgetter(name), texts)) for name in _TEXTS}
    columns |= {name: [getattr(text, name)[:LONGEST_NAME] for text in texts] for name in _NAMES}
    columns |= source_columns([record.source for record in records])
    return columns | {
        "ts": [record.ts_ns for record in records],
        "events": [_events(text.events) if text.events else "" for text in texts],
        "links": [_links(text.links) if text.links else "" for text in texts],
        "door": [OTLP_DOOR] * len(records),
    }


def source_columns(sources: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """The columns that say who made a row."""
    columns: dict[str, Sequence[Any]] = {
        name: [getattr(source, name)[:LONGEST_NAME] for source in sources]
        for name in ("service", "scope", "scope_version")
    }
    return columns | {"resource": [source.resource for source in sources]}


def _events(events: Sequence[Event]) -> str:
    written = [
        {"time_ns": int(event.ts_ns), "name": event.name, "attributes": event.attributes} for event in events
    ]
    return _encode(written).decode()


def _links(links: Sequence[Link]) -> str:
    return _encode(
        [
            {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": link.attributes}
            for link in links
        ]
    ).decode()
