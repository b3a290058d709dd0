"""The recorder: moves what the spool holds into the telemetry store, each record exactly once in effect.

For every batch it writes down which frames it will insert, inserts them under a token made of just
that, then writes down how far it has come. Killed in between, it inserts the same frames under the
same token again, and the store drops what it has already. Runs in the control role, one recorder
a kind of record (see record.destination), each with a spool and a state directory of its own.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol

from gatewayops.base.errors import GatewayOpsError
from gatewayops.record import spool
from gatewayops.record.destination import Destination, R
from gatewayops.record.progress import Batch, Progress, ProgressFile, Range
from gatewayops.record.settings import RecordSettings

BATCH_BYTES = 32 << 20
_READ_FRAMES = 2_000
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0
_TURN_S = 0.5
_log = logging.getLogger(__name__)


class Passing(Protocol):
    """Who else reads the spool: record.consumers.Follower."""

    def has_passed(self, segment: str, end: int) -> bool:
        """Whether it needs nothing more of the segment up to `end`."""


@dataclass(slots=True)
class Counts:
    """Since the start, for logs and metrics."""

    stored: int = 0
    batches: int = 0
    replayed: int = 0
    repaired: int = 0
    undecodable: int = 0
    torn_bytes: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Gathered(Generic[R]):
    """A batch while it is read."""

    ranges: list[Range] = field(default_factory=list)
    records: list[R] = field(default_factory=list)
    rows: int = 0
    size: int = 0
    used_up: dict[Path, int] = field(default_factory=dict)  # sealed segments and the offset of their end
    undecodable: int = 0


class Recorder(Generic[R]):
    """Call `run` in a task of the control role; `drain` at its end or in tests."""

    def __init__(
        self,
        spool_root: Path,
        state_dir: Path,
        destination: Destination[R],
        settings: RecordSettings,
        *,
        consumers: Sequence[Passing] = (),
    ) -> None:
        """Reads and takes nothing yet. `consumers` must have passed a segment before it is deleted."""
        self.counts = Counts()
        self._consumers = consumers
        self._root = spool_root
        self._file = ProgressFile(state_dir)
        self._destination = destination
        self._settings = settings
        self._progress: Progress | None = None
        self._step = asyncio.Lock()
        self._is_running = False
        self.caught_up_at = time.monotonic()

    @property
    def root(self) -> Path:
        """The spool that it reads."""
        return self._root

    @property
    def offsets(self) -> dict[str, int] | None:
        """What is stored, by segment; None while another recorder holds the state directory."""
        return self._progress.offsets if self._progress is not None else None

    async def run(self) -> None:
        """Stores until cancelled. Waits while another recorder holds the state directory."""
        self._is_running = True
        wait_s = _FIRST_WAIT_S
        try:
            while True:
                try:
                    has_more = await self._store_next()
                    wait_s = _FIRST_WAIT_S
                    if not has_more:
                        await asyncio.sleep(self._settings.flush_s)
                except (GatewayOpsError, OSError) as error:
                    self.counts.failures += 1
                    _log.warning(
                        "%s wait in the spool, next try in %.1f s: %s", self._destination.noun, wait_s, error
                    )
                    await asyncio.sleep(wait_s)
                    wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        finally:
            async with self._step:  # not while a drain is under way
                self._is_running = False
                self._release()

    async def drain(self) -> None:
        """Stores all that the spool holds now; raises Unavailable when the store is away."""
        try:
            while await self._store_next():
                pass
        finally:
            if not self._is_running:
                self._release()

    async def _store_next(self) -> bool:
        """Stores one batch; whether it was full, so that more may be waiting."""
        async with self._step:
            progress = await self._current()
            if progress.pending is not None:
                await self._replay(progress, progress.pending)
                return True
            begun_at = time.monotonic()
            gathered = await asyncio.to_thread(self._gather, progress)
            self.counts.undecodable += gathered.undecodable
            if gathered.ranges:
                batch = Batch(_token(gathered.ranges), tuple(gathered.ranges))
                await self._write(Progress(progress.offsets, pending=batch))
                await self._insert(batch.token, gathered.records)
                await self._commit(progress, batch)
            await asyncio.to_thread(self._remove, gathered.used_up)
            is_full = gathered.size >= BATCH_BYTES or gathered.rows >= self._settings.batch_rows
            if not is_full:
                self.caught_up_at = begun_at
            return is_full

    async def _current(self) -> Progress:
        while not self._file.take():  # noqa: ASYNC110 - another process holds it
            await asyncio.sleep(_TURN_S)
        if self._progress is None:
            self._progress = await asyncio.to_thread(self._file.read)
        return self._progress

    def _release(self) -> None:
        self._progress = None
        self._file.release()

    async def _write(self, progress: Progress) -> None:
        writing = asyncio.ensure_future(asyncio.to_thread(self._file.write, progress))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing  # the lock must not be released over a write that is still to come
            raise
        self._progress = progress

    async def _commit(self, progress: Progress, batch: Batch) -> None:
        ends = {part.segment: part.end for part in batch.ranges}
        kept = {name: end for name, end in progress.offsets.items() if (self._root / name).exists()}
        await self._write(Progress(kept | ends))
        self.counts.batches += 1

    async def _insert(self, token: str, records: list[R]) -> None:
        if records:
            await self._destination.insert(records, batch=token, token=token)
            self.counts.stored += self._rows(records)

    async def _replay(self, progress: Progress, batch: Batch) -> None:
        """Inserts a batch whose fate is unknown, and makes sure of it.

        ClickHouse writes the token down just before the part appears, so a store killed between the two
        knows the token of rows it does not have. Those are inserted once more under a token of their own.
        """
        records, undecodable = await asyncio.to_thread(self._reread, batch)
        self.counts.undecodable += undecodable
        await self._insert(batch.token, records)
        lost = await self._destination.lost(records, batch=batch.token) if records else []
        if lost:
            rows = self._rows(lost)
            noun = self._destination.noun
            _log.warning("%d %s of a batch were known to the store but not in it: repaired", rows, noun)
            await self._destination.insert(lost, batch=batch.token, token=f"{batch.token}-repair-{rows}")
            self.counts.repaired += rows
        self.counts.replayed += 1
        await self._commit(progress, batch)

    def _gather(self, progress: Progress) -> _Gathered[R]:
        """The next batch, of as many writers as there are; blocking."""
        gathered = _Gathered[R]()
        for path in spool.segments(self._root):
            if gathered.size >= BATCH_BYTES or gathered.rows >= self._settings.batch_rows:
                break
            self._gather_segment(gathered, path, progress.offsets.get(spool.name_of(path), 0))
        return gathered

    def _gather_segment(self, gathered: _Gathered[R], path: Path, start: int) -> None:
        try:
            is_sealed = spool.is_sealed(path)  # asked before reading: what is read then is all there is
            offset = start
            while (room := self._settings.batch_rows - gathered.rows) > 0:
                payloads, end = spool.read_frames(path, offset, limit=min(room, _READ_FRAMES))
                if end == offset:
                    if is_sealed:
                        gathered.used_up[path] = offset
                    break
                known = len(gathered.records)
                gathered.undecodable += self._decode_into(gathered.records, payloads)
                gathered.rows += self._rows(gathered.records[known:])
                gathered.size += end - offset
                offset = end
                if gathered.size >= BATCH_BYTES:
                    break
        except FileNotFoundError:
            return  # removed meanwhile
        if offset > start:
            gathered.ranges.append(Range(spool.name_of(path), start, offset))

    def _reread(self, batch: Batch) -> tuple[list[R], int]:
        """The same records as when the batch was made; blocking."""
        records: list[R] = []
        undecodable = 0
        for part in batch.ranges:
            offset = part.start
            while offset < part.end:
                payloads, ends = _frames_until(self._root / part.segment, offset, part.end)
                if ends == offset:
                    _log.error("a segment of a pending batch is gone or damaged: %s", part.segment)
                    break
                undecodable += self._decode_into(records, payloads)
                offset = ends
        return records, undecodable

    def _rows(self, records: Sequence[R]) -> int:
        return sum(map(self._destination.rows, records))

    def _decode_into(self, records: list[R], payloads: list[bytes]) -> int:
        """Appends the records; how many frames hold none."""
        failures = 0
        decode = self._destination.decode
        for payload in payloads:
            try:
                records.append(decode(payload))
            except ValueError as error:
                failures += 1
                _log.warning(
                    "a frame of %d bytes holds none of the %s: %s",
                    len(payload),
                    self._destination.noun,
                    type(error).__name__,
                )
        return failures

    def _remove(self, used_up: dict[Path, int]) -> None:
        """Deletes segments that are sealed, stored and passed; a tail that is no whole frame goes too."""
        for path, end in used_up.items():
            if not all(consumer.has_passed(spool.name_of(path), end) for consumer in self._consumers):
                continue  # found used up again at the next batch
            try:
                torn = path.stat().st_size - end
                if torn > 0:
                    self.counts.torn_bytes += torn
                    _log.warning("the last %d bytes of a segment are no whole record: skipped", torn)
                spool.remove(path)
            except OSError as error:
                _log.warning("a segment that is used up could not be removed: %s", error.strerror)


def _frames_until(path: Path, offset: int, end: int) -> tuple[list[bytes], int]:
    try:
        payloads, at = spool.read_frames(path, offset, limit=_READ_FRAMES)
    except FileNotFoundError:
        return [], offset
    while at > end:  # frames behind the batch
        at -= len(payloads.pop()) + spool.HEAD_BYTES
    return payloads, at


def _token(ranges: list[Range]) -> str:
    text = ",".join(f"{part.segment}:{part.start}-{part.end}" for part in ranges)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
