"""Exported spans as columns: what the telemetry store's table of spans takes of them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from gatewayops.record.otlp.span_record import Event, Link, Source, SpanRecord
from gatewayops.store.telemetry.otlp_schema import OTLP_DOOR

LONGEST_NAME = 256  # of what ClickHouse keeps a dictionary of
_NAMES = ("name", "method", "tool", "agent", "protocol_version")
_SENDER = ("org_id", "key_id", "user_id", "team_id", "project_id", "env")
_SOURCE_NAMES = ("service", "scope", "scope_version")
_encode = msgspec.json.Encoder().encode


def columns_of(records: Sequence[SpanRecord]) -> dict[str, Sequence[Any]]:
    """A list a column of OTLP_SPAN_COLUMNS, but for that of the batch. All have one sender."""
    count, sender = len(records), records[0].sender
    columns = _by_field(records)
    texts = _by_field(columns.pop("texts"))
    return {
        **columns,
        **texts,
        **{name: _short(texts[name]) for name in _NAMES},
        **{name: [getattr(sender, name)] * count for name in _SENDER},
        **source_columns(columns["source"]),
        "ts": columns["ts_ns"],
        "events": [_events(events) if events else "" for events in texts["events"]],
        "links": [_links(links) if links else "" for links in texts["links"]],
        "door": [OTLP_DOOR] * count,
    }


def source_columns(sources: Sequence[Source]) -> dict[str, Sequence[Any]]:
    """The columns that say who made a row."""
    columns = _by_field(sources)
    return {**{name: _short(columns[name]) for name in _SOURCE_NAMES}, "resource": columns["resource"]}


def _by_field(structs: Sequence[msgspec.Struct]) -> dict[str, list[Any]]:
    values = zip(*map(astuple, structs), strict=True)
    return dict(zip(structs[0].__struct_fields__, map(list, values), strict=True))


def _short(names: list[str]) -> list[str]:
    return names if max(map(len, names)) <= LONGEST_NAME else [name[:LONGEST_NAME] for name in names]


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
