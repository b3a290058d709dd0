"""A destination's queue: frames on disk, and beside them how far its sender has come.

The state file is replaced in one step after an acknowledgement. A process that is killed before that sends
the batch again, with the same span ids: at least once.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from gatewayops.base import clock
from gatewayops.record import spool
from gatewayops.record.call_record import CallRecord
from gatewayops.record.progress import Range

_log = logging.getLogger(__name__)

_STATE = "state.json"
_SEGMENTS_A_BOUND = 16
_LARGEST_SEGMENT = 16 << 20
_BATCH_BYTES = 1 << 20  # of frames: what receivers take at most is 1 MB compressed, or 4 MiB over gRPC


class State(msgspec.Struct):
    """What is known of a destination, on disk."""

    offsets: dict[str, int] = {}
    sent: int = 0
    refused: int = 0  # by the destination, for good
    overflowed: int = 0  # removed unsent: the queue was full
    undecodable: int = 0  # frames that hold no call
    last_error: str = ""
    last_error_s: float = 0.0
    last_sent_s: float = 0.0


class Batch(msgspec.Struct, frozen=True):
    """What a sender holds in memory: one of these, never more."""

    records: list[CallRecord]
    part: Range
    undecodable: int = 0


class Waiting(msgspec.Struct, frozen=True):
    """What a queue holds: bytes that are not sent, and when the oldest segment of them was last written."""

    queued_bytes: int
    oldest_s: float


class ExportQueue:
    """Appended to by the follower, read by one sender; both may be in threads."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Makes the folder; writes nothing until the first record."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._max_bytes = max_bytes
        self._writer: spool.SpoolWriter | None = None
        self._lock = threading.Lock()
        self._state = read_state(folder)

    def append(self, records: Sequence[CallRecord]) -> None:
        """On disk when it returns; the oldest segments go when that is more than may wait."""
        if not records:
            return
        with self._lock:
            if self._writer is None:
                size = min(self._max_bytes // _SEGMENTS_A_BOUND, _LARGEST_SEGMENT)
                self._writer = spool.SpoolWriter(self._folder, segment_bytes=size)
            for record in records:
                self._writer.append(msgspec.msgpack.encode(record))
            self._make_room()

    def next_batch(self, limit: int) -> Batch | None:
        """The oldest records that are not acknowledged, of one segment; None when there are none.

        At most `limit`, and a mebibyte of frames unless the first alone is larger.
        """
        with self._lock:
            for path in _by_age(self._folder):
                name = spool.name_of(path)
                start = self._state.offsets.get(name, 0)
                payloads, end = _bounded(*spool.read_frames(path, start, limit=limit))
                if end > start:
                    records = list(_decoded(payloads))
                    return Batch(records, Range(name, start, end), len(payloads) - len(records))
                if spool.is_sealed(path):
                    self._forget(path, torn_bytes=path.stat().st_size - start)
        return None

    def commit(self, batch: Batch, *, sent: int, refused: int = 0, error: str = "") -> None:
        """The batch is dealt with: delivered, or refused for good."""
        with self._lock:
            if (self._folder / batch.part.segment).exists():
                self._state.offsets[batch.part.segment] = batch.part.end
            self._state.sent += sent
            self._state.refused += refused
            if batch.undecodable:
                self._state.undecodable += batch.undecodable
                _log.warning(
                    "%d frames of the queue of %s hold no call: skipped", batch.undecodable, self._folder.name
                )
            if sent:
                self._state.last_sent_s = clock.unix_s()
            self._failed(error)

    def failed(self, error: str) -> None:
        """The batch stays; why is kept for whoever looks."""
        with self._lock:
            self._failed(error)

    def close(self) -> None:
        """What was appended stays for the next process."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _failed(self, error: str) -> None:
        if error:
            self._state.last_error, self._state.last_error_s = error, clock.unix_s()
        self._write()

    def _make_room(self) -> None:
        paths = _by_age(self._folder)
        size = sum(path.stat().st_size for path in paths)
        for path in paths:
            if size <= self._max_bytes or not spool.is_sealed(path):
                return
            size -= path.stat().st_size
            self._state.overflowed += self._unsent(path)
            self._forget(path)
            self._write()

    def _unsent(self, path: Path) -> int:
        at, count = self._state.offsets.get(spool.name_of(path), 0), 0
        while True:
            payloads, end = spool.read_frames(path, at, limit=10_000)
            if end == at:
                return count
            at, count = end, count + len(payloads)

    def _forget(self, path: Path, *, torn_bytes: int = 0) -> None:
        if torn_bytes:
            _log.warning("%d bytes of the queue of %s are damaged: skipped", torn_bytes, self._folder.name)
        spool.remove(path)
        self._state.offsets.pop(spool.name_of(path), None)

    def _write(self) -> None:
        draft = self._folder / f"{_STATE}.new"
        draft.write_bytes(msgspec.json.encode(self._state))
        draft.replace(self._folder / _STATE)


def read_state(folder: Path) -> State:
    """The state last written; the beginning when there is none."""
    try:
        return msgspec.json.decode((folder / _STATE).read_bytes(), type=State)
    except FileNotFoundError:
        return State()


def waiting(folder: Path, state: State) -> Waiting:
    """What is not sent yet."""
    queued, oldest = 0, 0.0
    for path in _by_age(folder):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        left = found.st_size - state.offsets.get(spool.name_of(path), 0)
        if left > 0:
            queued += left
            oldest = oldest or found.st_mtime
    return Waiting(queued, oldest)


def _bounded(payloads: list[bytes], end: int) -> tuple[list[bytes], int]:
    """As many of them as fit a batch, and where these end."""
    size = sum(map(len, payloads))
    while size > _BATCH_BYTES and len(payloads) > 1:
        last = len(payloads.pop())
        size -= last
        end -= last + spool.HEAD_BYTES
    return payloads, end


def _decoded(payloads: Iterable[bytes]) -> Iterator[CallRecord]:
    """Without those that hold no call, which another version may have written: they block nothing."""
    for payload in payloads:
        with suppress(msgspec.MsgspecError):
            yield _DECODER.decode(payload)


def _by_age(folder: Path) -> list[Path]:
    found = []
    for path in spool.segments(folder):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue
    return [path for _, path in sorted(found)]


_DECODER = msgspec.msgpack.Decoder(CallRecord)
