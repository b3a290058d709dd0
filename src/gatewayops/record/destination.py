"""Where a recorder puts what its spool holds: how frames are read, and how rows get into the store."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from gatewayops.record.call_record import CallRecord
from gatewayops.record.rows import columns_of

R = TypeVar("R")


class Destination(Protocol[R]):
    """One kind of record and its table. A frame of the spool holds one R, which is one row or several."""

    noun: str  # in the plural, for logs: "calls"

    def decode(self, payload: bytes) -> R:
        """One frame. Raises ValueError (msgspec's errors are some) for a frame that holds no such record."""

    def rows(self, record: R) -> int:
        """How many rows it becomes."""

    async def insert(self, records: Sequence[R], *, batch: str, token: str) -> None:
        """Stores rows that bear the name `batch`; the same token again stores nothing."""

    async def lost(self, records: Sequence[R], *, batch: str) -> list[R]:
        """What of a batch is not stored."""


class SpanStore(Protocol):
    """The part of store.telemetry.client.Telemetry that calls go to; tests have a fake."""

    async def insert_spans(self, columns: dict[str, Any], token: str) -> None:
        """Stores a batch; the same token again stores nothing."""

    async def batch_span_ids(self, token: str, *, first_ns: int, last_ns: int) -> set[str]:
        """What is stored of a batch."""


class Calls:
    """The gateway's calls, in the table of spans."""

    noun = "calls"

    def __init__(self, telemetry: SpanStore) -> None:
        """Asks nothing yet."""
        self._telemetry = telemetry
        self._decoder = msgspec.msgpack.Decoder(CallRecord)

    def decode(self, payload: bytes) -> CallRecord:
        """A call record."""
        return self._decoder.decode(payload)

    def rows(self, record: CallRecord) -> int:
        """One."""
        return 1

    async def insert(self, records: Sequence[CallRecord], *, batch: str, token: str) -> None:
        """Spans."""
        columns = await asyncio.to_thread(columns_of, records, batch=batch)
        await self._telemetry.insert_spans(columns, token)

    async def lost(self, records: Sequence[CallRecord], *, batch: str) -> list[CallRecord]:
        """Those whose span is not there."""
        moments = [record.ts_ns for record in records]
        stored = await self._telemetry.batch_span_ids(batch, first_ns=min(moments), last_ns=max(moments))
        return [record for record in records if record.span_id not in stored]
