"""Consumers of the spool besides the recorder: the ledger, the audit log. Each sees every record once.

A consumer is a `SpoolConsumer`; a `Follower` reads the spool for it. `take` gets whole records and a `Step`,
and keeps both in one transaction (store/control/spool_positions.py has the table and two functions for it):

    class Bookkeeper:
        name = "ledger"
        async def offsets(self):
            async with database.reading() as session:
                return await spool_positions.offsets(session, self.name)
        async def take(self, records, step):
            async with database.session() as session:
                await spool_positions.advance(session, self.name, step)  # raises PositionMoved
                ...  # keep what matters of the records, in the same transaction

The control role makes `Follower(spool_root, consumer)`, runs `follower.run()` in a task, and gives all
followers to the recorder: `Recorder(..., consumers=(*followers, Lingering(spool_root)))`. A segment goes only
when all have passed it, and not at once: gateways add what is in the spool to totals some seconds old.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.record import spool
from gatewayops.record.call_record import CallRecord
from gatewayops.record.progress import Range

_log = logging.getLogger(__name__)

_BATCH = 5_000
_PAUSE_S = 0.5
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0
_LINGER_S = 30.0


class Step(msgspec.Struct, frozen=True):
    """How far a batch goes: `ranges` begin where the ones before ended; `gone` segments were deleted."""

    ranges: tuple[Range, ...] = ()
    gone: tuple[str, ...] = ()


class SpoolConsumer(Protocol):
    """Who wants every record once, in the order of its writer. `name` is its own among consumers."""

    name: str

    async def offsets(self) -> dict[str, int]:
        """What it has kept, by segment (`<writer>/<name>`): bytes from the beginning."""

    async def take(self, records: Sequence[CallRecord], step: Step) -> None:
        """Keeps records and step together, or raises and keeps neither: then they come again.

        `records` may be empty. GatewayOpsError and OSError are expected and tried again.
        """


class Follower:
    """Reads the spool for one consumer; its owner runs `run` in a task, or calls `drain`."""

    def __init__(self, root: Path, consumer: SpoolConsumer, *, batch: int = _BATCH) -> None:
        """Reads nothing yet. `root` is the spool's folder."""
        self.name = consumer.name
        self.undecodable = 0
        self._root = root
        self._consumer = consumer
        self._batch = batch
        self._offsets: dict[str, int] | None = None
        self._seen: set[str] = set()
        self._step = asyncio.Lock()
        self.caught_up_at = time.monotonic()
        self.offsets: dict[str, int] | None = None  # last known, for metrics

    async def run(self) -> None:
        """Follows until cancelled; outlives a consumer that cannot keep anything for a while."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                has_more = await self.take_next()
                wait_s = _FIRST_WAIT_S
                if not has_more:
                    await asyncio.sleep(_PAUSE_S)
            except (GatewayOpsError, OSError) as error:
                _log.warning("%s: calls wait in the spool, next try in %.1f s: %s", self.name, wait_s, error)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    async def drain(self) -> None:
        """Takes all that the spool holds now; raises what the consumer raises."""
        while await self.take_next():
            pass

    async def take_next(self) -> bool:
        """Gives the consumer one batch; whether more may be waiting."""
        async with self._step:
            if self._offsets is None:
                self._offsets = await self._consumer.offsets()
            offsets = self.offsets = self._offsets
            begun_at = time.monotonic()
            records, step = await asyncio.to_thread(self._gather, dict(offsets))
            if not step.ranges and not step.gone:
                self.caught_up_at = begun_at
                return False
            self._offsets = None  # asked again, should the consumer fail without saying whether it kept them
            await self._consumer.take(records, step)
            ends = {part.segment: part.end for part in step.ranges}
            self._offsets = {name: end for name, end in (offsets | ends).items() if name not in step.gone}
            self.offsets = self._offsets
            self._seen.difference_update(step.gone)
            is_full = len(records) >= self._batch
            if not is_full:
                self.caught_up_at = begun_at
            return is_full

    def has_passed(self, segment: str, end: int) -> bool:
        """Whether the consumer has kept all records of a segment up to `end`."""
        return self._offsets is not None and self._offsets.get(segment, 0) >= end

    def _gather(self, offsets: dict[str, int]) -> tuple[list[CallRecord], Step]:
        """The next records of all writers; blocking."""
        records: list[CallRecord] = []
        ranges: list[Range] = []
        there: set[str] = set()
        for path in spool.segments(self._root):
            name = spool.name_of(path)
            there.add(name)
            room = self._batch - len(records)
            start = offsets.get(name, 0)
            if room <= 0:
                continue
            try:
                payloads, end = spool.read_frames(path, start, limit=room)
            except FileNotFoundError:
                continue  # removed meanwhile
            if end > start:
                records += self._decoded(payloads)
                ranges.append(Range(name, start, end))
        gone = self._seen - there  # only what this process saw: other machines may keep positions beside ours
        self._seen |= there
        return records, Step(tuple(ranges), tuple(sorted(gone)))

    def _decoded(self, payloads: list[bytes]) -> list[CallRecord]:
        records = []
        for payload in payloads:
            try:
                records.append(_DECODER.decode(payload))
            except msgspec.MsgspecError:
                self.undecodable += 1  # the recorder logs it
        return records


class Keeping:
    """Keeps every segment: for a recorder that runs without the others."""

    def has_passed(self, segment: str, end: int) -> bool:
        """Never."""
        del segment, end
        return False


class Lingering:
    """Keeps each segment for a while after its last record."""

    def __init__(self, root: Path, *, for_s: float = _LINGER_S) -> None:
        """`root` is the spool's folder."""
        self._root = root
        self._for_s = for_s

    def has_passed(self, segment: str, end: int) -> bool:
        """Whether the segment was last written long enough ago."""
        del end
        try:
            return clock.unix_s() - (self._root / segment).stat().st_mtime >= self._for_s
        except FileNotFoundError:
            return True


_DECODER = msgspec.msgpack.Decoder(CallRecord)
