"""Spans as an Arrow stream, the form in which ClickHouse takes batches."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from gatewayops.store.telemetry.schema import SPAN_COLUMNS

_KINDS = {
    "timestamp": pa.timestamp("ns", "UTC"),  # ClickHouse does not read a plain int64 as nanoseconds
    "int32": pa.int32(),
    "int64": pa.int64(),
    "string": pa.string(),
    "bool": pa.bool_(),
}
_BOUNDS = {"timestamp": 63, "int64": 63, "int32": 31}
COLUMN_NAMES = tuple(name for name, _ in SPAN_COLUMNS)


def span_stream(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """One record batch as Arrow IPC stream; `columns` has all of SPAN_COLUMNS, `ts` in Unix nanoseconds.

    Whole numbers that a column cannot hold are cut to its range: a peer's absurd error code must not
    hold up the calls beside it.
    """
    arrays = [_array(columns[name], kind) for name, kind in SPAN_COLUMNS]
    batch = pa.RecordBatch.from_arrays(arrays, names=list(COLUMN_NAMES))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _array(values: Sequence[Any], kind: str) -> pa.Array:
    try:
        return pa.array(values, _KINDS[kind])
    except (pa.ArrowInvalid, OverflowError):
        if kind not in _BOUNDS:
            raise
        top = 2 ** _BOUNDS[kind] - 1
        return pa.array([max(-top, min(top, value)) for value in values], _KINDS[kind])
