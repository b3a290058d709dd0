"""Where a recorder puts what its spool holds: how frames are read, and how rows get into the store."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from gatewayops.record.call_record import CallRecord
from gatewayops.record.rows import columns_of


class Spooled(Protocol):
    """What every kind of record has."""

    @property
    def ts_ns(self) -> int:
        """When it was, Unix nanoseconds."""


R = TypeVar("R", bound=Spooled)


class Destination(Protocol[R]):
    """One kind of record and its table."""

    noun: str  # in the plural, for logs: "calls"

    def decode(self, payload: bytes) -> R:
        """One frame. Raises msgspec.MsgspecError for a frame that holds no such record."""

    def id_of(self, record: R) -> str:
        """What tells the record from others of its batch."""

    async def insert(self, records: Sequence[R], *, batch: str, token: str) -> None:
        """Stores rows that bear the name `batch`; the same token again stores nothing."""

    async def stored_ids(self, batch: str, *, first_ns: int, last_ns: int) -> set[str]:
        """What is stored of a batch, among the records between the two moments."""


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

    def id_of(self, record: CallRecord) -> str:
        """Its span."""
        return record.span_id

    async def insert(self, records: Sequence[CallRecord], *, batch: str, token: str) -> None:
        """Spans."""
        columns = await asyncio.to_thread(columns_of, records, batch=batch)
        await self._telemetry.insert_spans(columns, token)

    async def stored_ids(self, batch: str, *, first_ns: int, last_ns: int) -> set[str]:
        """Spans of the batch."""
        return await self._telemetry.batch_span_ids(batch, first_ns=first_ns, last_ns=last_ns)
