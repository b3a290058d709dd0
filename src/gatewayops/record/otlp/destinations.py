"""Where the recorders of exported telemetry put it: a table a signal."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gatewayops.record.otlp import span_rows
from gatewayops.record.otlp.span_record import SpanRecord
from gatewayops.store.telemetry.otlp_schema import OTLP_SPAN_COLUMNS


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


class Spans:
    """Exported spans, beside the gateway's."""

    noun = "exported spans"

    def __init__(self, tables: Tables) -> None:
        """Asks nothing yet."""
        self._tables = tables
        self._decoder = msgspec.msgpack.Decoder(SpanRecord)

    def decode(self, payload: bytes) -> SpanRecord:
        """A span record."""
        return self._decoder.decode(payload)

    def id_of(self, record: SpanRecord) -> str:
        """Its span id: within a batch, one trace more or less does not matter."""
        return record.span_id

    async def insert(self, records: Sequence[SpanRecord], *, batch: str, token: str) -> None:
        """Spans with door `otlp`."""
        columns = await asyncio.to_thread(span_rows.columns_of, records, batch=batch)
        await self._tables.insert("spans", OTLP_SPAN_COLUMNS, columns, token=token)

    async def stored_ids(self, batch: str, *, first_ns: int, last_ns: int) -> set[str]:
        """Spans of the batch."""
        return await self._tables.batch_ids("spans", "span_id", batch, first_ns=first_ns, last_ns=last_ns)
