"""Rows as an Arrow stream: so ClickHouse takes batches, and so exports wait in the spool."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gatewayops.store.telemetry.lean_pyarrow import leave_pandas_out

leave_pandas_out()

BATCH = "batch"  # the column that names the batch, which blocks lack
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
_LARGER = 64
_REPEATED = 1024  # rows of what is kept, of texts up to _SHORT characters
_SHORT = 32
_BOUNDS = {"timestamp": 63, "int64": 63, "int32": 31}


def stream(kinds: Sequence[tuple[str, str]], columns: Mapping[str, Sequence[Any]]) -> bytes:
    """One record batch as Arrow IPC stream; `kinds` are (column, kind), times in Unix nanoseconds.

    Whole numbers that a column cannot hold are cut to its range: a peer's absurd error code must not
    hold up the calls beside it.
    """
    arrays = [_array(columns[name], kind) for name, kind in kinds]
    return _written(pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in kinds]))


class Block:
    """Rows that wait: what `stream` wrote without the column BATCH."""

    __slots__ = ("_table",)

    def __init__(self, table: pa.Table) -> None:
        """Use `read`."""
        self._table = table

    @classmethod
    def read(cls, payload: bytes) -> "Block":
        """Raises ValueError for bytes that hold none."""
        try:
            with pa.ipc.open_stream(payload) as reader:
                return cls(reader.read_all())
        except (pa.ArrowException, OSError) as error:
            msg = "no Arrow stream"
            raise ValueError(msg) from error

    @property
    def rows(self) -> int:
        """How many."""
        return int(self._table.num_rows)

    def bounds_ns(self) -> tuple[int, int]:
        """The first and the last moment, Unix nanoseconds."""
        found = pc.min_max(self._table.column("ts").cast(pa.int64())).as_py()
        return int(found["min"]), int(found["max"])

    def without(self, column: str, values: set[str]) -> "Block":
        """The rows whose column has none of these."""
        known = pc.is_in(self._table.column(column), pa.array(sorted(values), pa.string()))
        return Block(self._table.filter(pc.invert(known)))

    def taken(self, names: Sequence[str]) -> pa.Table:
        """These columns, in this order."""
        return self._table.select(names)


def joined(kinds: Sequence[tuple[str, str]], blocks: Sequence[Block], *, batch: str) -> bytes:
    """All rows as one stream like that of `stream`, with the name of their batch."""
    names = [name for name, _ in kinds if name != BATCH]
    table = pa.concat_tables([block.taken(names) for block in blocks])
    table = table.append_column(BATCH, pa.repeat(batch, table.num_rows))
    [whole] = table.select([name for name, _ in kinds]).combine_chunks().to_batches()
    return _written(whole)


def _written(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _array(values: Sequence[Any], kind: str) -> pa.Array:
    """Of a larger batch many columns are the same all through: their value is looked at once."""
    count, first = len(values), values[0] if values else None
    if count < _LARGER or first != values[count // 2] or values.count(first) != count:
        return _various(values, kind)
    if kind == "map":
        return _various(values[:1], kind).take(pa.repeat(0, count))
    if kind == "string" and count <= _REPEATED and len(first) <= _SHORT:
        return _repeated(first).slice(0, count)
    return pa.repeat(_various(values[:1], kind)[0], count)


@lru_cache(maxsize=256)
def _repeated(text: str) -> pa.Array:
    """The same again and again: who sends says the same of himself in each batch."""
    return pa.repeat(pa.scalar(text, pa.string()), _REPEATED)


def _various(values: Sequence[Any], kind: str) -> pa.Array:
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
    offsets = list(accumulate(map(len, values), initial=0))
    names = list(chain.from_iterable(values))
    texts = list(chain.from_iterable(value.values() for value in values))
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array(names, pa.string()), pa.array(texts, pa.string())
    )
