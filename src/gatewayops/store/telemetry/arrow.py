"""Rows as an Arrow stream, the form in which ClickHouse takes batches."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

_KINDS = {
    "timestamp": pa.timestamp("ns", "UTC"),  # ClickHouse does not read a plain int64 as nanoseconds
    "int32": pa.int32(),
    "int64": pa.int64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "float64": pa.float64(),
    "ints": pa.list_(pa.int64()),
    "floats": pa.list_(pa.float64()),
}
_BOUNDS = {"timestamp": 63, "int64": 63, "int32": 31}


def stream(kinds: Sequence[tuple[str, str]], columns: Mapping[str, Sequence[Any]]) -> bytes:
    """One record batch as Arrow IPC stream; `kinds` are (column, kind), times in Unix nanoseconds.

    Whole numbers that a column cannot hold are cut to its range: a peer's absurd error code must not
    hold up the calls beside it.
    """
    arrays = [_array(columns[name], kind) for name, kind in kinds]
    batch = pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in kinds])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _array(values: Sequence[Any], kind: str) -> pa.Array:
    if kind == "map":
        return _maps(values)
    try:
        return pa.array(values, _KINDS[kind])
    except (pa.ArrowInvalid, OverflowError):
        if kind not in _BOUNDS:
            raise
        top = 2 ** _BOUNDS[kind] - 1
        return pa.array([max(-top, min(top, value)) for value in values], _KINDS[kind])


def _maps(values: Sequence[Mapping[str, str]]) -> pa.Array:
    """Maps of text to text; pyarrow would look at each entry on its own."""
    offsets = [0]
    names: list[str] = []
    texts: list[str] = []
    for value in values:
        names += value.keys()
        texts += value.values()
        offsets.append(len(names))
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array(names, pa.string()), pa.array(texts, pa.string())
    )
