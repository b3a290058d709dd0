"""Where exported telemetry goes: a table a signal. It waits in the spool as blocks of rows, ready for it.

So each value becomes an object of Python once, before the acknowledgement; a recorder only puts blocks
together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gatewayops.record.otlp import rows, span_rows
from gatewayops.store.telemetry import otlp_schema
from gatewayops.store.telemetry.arrow import BATCH, Block, stream

_BLOCK_ROWS = 1_000


class Tables(Protocol):
    """The part of store.telemetry.client.Telemetry that is used; tests have a fake."""

    async def insert_blocks(
        self, table: str, kinds: Sequence[tuple[str, str]], blocks: Sequence[Block], *, batch: str, token: str
    ) -> None:
        """Stores a batch; the same token again stores nothing."""

    async def batch_ids(
        self, table: str, column: str, batch: str, *, first_ns: int, last_ns: int
    ) -> set[str]:
        """What is stored of a batch."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What tells the signals apart on their way into the store."""

    noun: str
    table: str
    columns: Sequence[tuple[str, str]]
    id_column: str  # a span's own id, for others one of ours
    columns_of: Callable[[Sequence[Any]], dict[str, Sequence[Any]]]

    def blocks(self, records: Sequence[Any]) -> Iterator[bytes]:
        """The records as frames of the spool."""
        kinds = [one for one in self.columns if one[0] != BATCH]
        for at in range(0, len(records), _BLOCK_ROWS):
            yield stream(kinds, self.columns_of(records[at : at + _BLOCK_ROWS]))


SPANS = Kind("exported spans", "spans", otlp_schema.OTLP_SPAN_COLUMNS, "span_id", span_rows.columns_of)
LOGS = Kind("exported logs", "logs", otlp_schema.LOG_COLUMNS, "log_id", rows.log_columns)
POINTS = Kind("exported points", "metric_points", otlp_schema.POINT_COLUMNS, "point_id", rows.point_columns)


class Exported:
    """One kind of exported telemetry and its table."""

    def __init__(self, tables: Tables, kind: Kind) -> None:
        """Asks nothing yet."""
        self.noun = kind.noun
        self._tables = tables
        self._kind = kind

    def decode(self, payload: bytes) -> Block:
        """A block."""
        return Block.read(payload)

    def rows(self, block: Block) -> int:
        """Of a block."""
        return block.rows

    async def insert(self, blocks: Sequence[Block], *, batch: str, token: str) -> None:
        """Rows."""
        kind = self._kind
        await self._tables.insert_blocks(kind.table, kind.columns, blocks, batch=batch, token=token)

    async def lost(self, blocks: Sequence[Block], *, batch: str) -> list[Block]:
        """What is not there of each, by its ids."""
        firsts, lasts = zip(*(block.bounds_ns() for block in blocks), strict=True)
        column = self._kind.id_column
        stored = await self._tables.batch_ids(
            self._kind.table, column, batch, first_ns=min(firsts), last_ns=max(lasts)
        )
        rest = [block.without(column, stored) for block in blocks]
        return [block for block in rest if block.rows]
