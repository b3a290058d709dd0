"""Call records as columns: what the telemetry store's spans table takes."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gatewayops.record.call_record import CallRecord

_FIELDS = tuple("ts" if field == "ts_ns" else field for field in CallRecord.__struct_fields__)


def columns_of(records: Sequence[CallRecord], *, batch: str) -> dict[str, Sequence[Any]]:
    """A list a column of store.telemetry.schema.SPAN_COLUMNS; `batch` is the same in every row."""
    columns: dict[str, Sequence[Any]] = dict.fromkeys(_FIELDS, ())
    if records:
        columns = dict(zip(_FIELDS, zip(*map(msgspec.structs.astuple, records), strict=True), strict=True))
    columns["batch"] = [batch] * len(records)
    return columns
