"""Exported log records and points as columns of their tables."""

from collections.abc import Sequence
from typing import Any

from gatewayops.record.otlp.log_record import LogRecord
from gatewayops.record.otlp.metric_point import MetricPoint, Shape
from gatewayops.record.otlp.span_rows import LONGEST_NAME, source_columns

_SENDER = ("org_id", "key_id", "user_id", "team_id", "project_id", "env", "server")


def log_columns(records: Sequence[LogRecord]) -> dict[str, Sequence[Any]]:
    """A list a column of LOG_COLUMNS, but for that of the batch."""
    texts = [record.texts for record in records]
    same = (*_SENDER, "observed_ns", "log_id", "trace_id", "span_id", "severity")
    columns: dict[str, Sequence[Any]] = {name: [getattr(r, name) for r in records] for name in same}
    return columns | {
        **source_columns([record.source for record in records]),
        "ts": [record.ts_ns for record in records],
        "severity_text": [text.severity_text[:LONGEST_NAME] for text in texts],
        "event_name": [text.event_name[:LONGEST_NAME] for text in texts],
        "body": [text.body for text in texts],
        "attributes": [text.attributes for text in texts],
    }


def point_columns(records: Sequence[MetricPoint]) -> dict[str, Sequence[Any]]:
    """A list a column of POINT_COLUMNS, but for that of the batch."""
    texts = [record.texts for record in records]
    shapes = [record.shape for record in records]
    same = (*_SENDER, "start_ns", "point_id", "kind", "temporality", "is_monotonic")
    columns: dict[str, Sequence[Any]] = {name: [getattr(r, name) for r in records] for name in same}
    columns |= {name: [getattr(shape, name) for shape in shapes] for name in Shape.__struct_fields__}
    return columns | {
        **source_columns([record.source for record in records]),
        "ts": [record.ts_ns for record in records],
        "name": [text.name[:LONGEST_NAME] for text in texts],
        "unit": [text.unit[:LONGEST_NAME] for text in texts],
        "attributes": [text.attributes for text in texts],
    }
