"""Where the recorders of exported telemetry put it: a table a signal."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from gatewayops.record.destination import Spooled
from gatewayops.record.otlp import rows, span_rows
from gatewayops.record.otlp.log_record import LogRecord
from gatewayops.record.otlp.metric_point import MetricPoint
from gatewayops.record.otlp.span_record import SpanRecord
from gatewayops.store.telemetry import otlp_schema

E = TypeVar("E", bound=Spooled)


class Tables(Protocol):
    """The part of store.telemetry.client.Telemetry that is used; tests have a fake."""

    async def insert(
        self,
        table: str,
        kinds: Sequence[tuple[str, str]],
        columns: Mapping[str, Sequence[Any]],
        *,
        token: str,
    ) -> None:
        """Stores a batch; the same token again stores nothing."""

    async def batch_ids(
        self, table: str, column: str, batch: str, *, first_ns: int, last_ns: int
    ) -> set[str]:
        """What is stored of a batch."""


class Exported(Generic[E]):
    """One kind of exported record and its table."""

    def __init__(self, tables: Tables, kind: "Kind[E]") -> None:
        """Asks nothing yet."""
        self.noun = kind.noun
        self._tables = tables
        self._kind = kind
        self._decoder = msgspec.msgpack.Decoder(kind.record)

    def decode(self, payload: bytes) -> E:
        """A record."""
        return self._decoder.decode(payload)

    def id_of(self, record: E) -> str:
        """What its table's id column has: a span's own id, for others one of ours."""
        found: str = getattr(record, self._kind.id_column)
        return found

    async def insert(self, records: Sequence[E], *, batch: str, token: str) -> None:
        """Rows."""
        columns = await asyncio.to_thread(self._kind.columns_of, records, batch=batch)
        await self._tables.insert(self._kind.table, self._kind.columns, columns, token=token)

    async def stored_ids(self, batch: str, *, first_ns: int, last_ns: int) -> set[str]:
        """Rows of the batch."""
        return await self._tables.batch_ids(
            self._kind.table, self._kind.id_column, batch, first_ns=first_ns, last_ns=last_ns
        )


@dataclass(frozen=True, slots=True)
class Kind(Generic[E]):
    """What tells the signals apart on their way into the store."""

    noun: str
    record: type[E]
    table: str
    columns: Sequence[tuple[str, str]]
    id_column: str
    columns_of: Callable[..., dict[str, Sequence[Any]]]


SPANS = Kind(
    "exported spans", SpanRecord, "spans", otlp_schema.OTLP_SPAN_COLUMNS, "span_id", span_rows.columns_of
)
LOGS = Kind("exported logs", LogRecord, "logs", otlp_schema.LOG_COLUMNS, "log_id", rows.log_columns)
POINTS = Kind(
    "exported points", MetricPoint, "metric_points", otlp_schema.POINT_COLUMNS, "point_id", rows.point_columns
)
