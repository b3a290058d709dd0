"""A destination's queue: frames on disk, and beside them how far its sender has come.

A frame is up to a hundred calls, compressed: a fifth of what they take one by one, so that a day's calls fit.
The state file is replaced in one step after an acknowledgement. A process that is killed before that sends
the batch again, with the same span ids: at least once.
"""

import logging
import threading
import zlib
from collections.abc import Iterator, Sequence
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
_FRAME = 100  # calls
_FRAME_BYTES = 256 << 10
_BATCH_BYTES = 1 << 20  # what receivers take at most is 1 MB compressed, or 4 MiB over gRPC
_READ_BYTES = 512 << 10


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
            for frame in _frames(records):
                self._writer.append(frame)
            self._make_room()

    def next_batch(self, limit: int) -> Batch | None:
        """The oldest records that are not acknowledged, of one segment; None when there are none.

        At most `limit`, and a mebibyte of them, unless the first frame alone is more.
        """
        with self._lock:
            for path in _by_age(self._folder):
                start = self._state.offsets.get(spool.name_of(path), 0)
                batch = _batch(path, start, limit)
                if batch is not None:
                    return batch
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
            at, count = end, count + sum(_count(one) for one in payloads)

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


def _frames(records: Sequence[CallRecord]) -> Iterator[bytes]:
    """Each of so many records as a frame bears."""
    held: list[bytes] = []
    size = 0
    for record in records:
        held.append(msgspec.msgpack.encode(record))
        size += len(held[-1])
        if len(held) >= _FRAME or size >= _FRAME_BYTES:
            yield _frame(held)
            held, size = [], 0
    if held:
        yield _frame(held)


def _frame(encoded: list[bytes]) -> bytes:
    """A msgpack array of 16 bit length, compressed."""
    return zlib.compress(b"\xdc" + len(encoded).to_bytes(2) + b"".join(encoded), 1)


def _decoded(frame: bytes) -> tuple[list[CallRecord], int] | None:
    """The records of a frame, and their size; None for one that holds none, as of another version."""
    try:
        plain = zlib.decompress(frame)
        return _DECODER.decode(plain), len(plain)
    except (zlib.error, msgspec.MsgspecError):
        return None


def _count(frame: bytes) -> int:
    found = _decoded(frame)
    return len(found[0]) if found else 0


def _batch(path: Path, start: int, limit: int) -> Batch | None:
    frames, end = spool.read_frames(path, start, limit=limit, read_bytes=_READ_BYTES)
    if end == start:
        return None
    records: list[CallRecord] = []
    size = undecodable = 0
    at = start
    for frame in frames:
        found = _decoded(frame)
        if found is None:
            undecodable += 1
        else:
            size += found[1]
            if records and (len(records) + len(found[0]) > limit or size > _BATCH_BYTES):
                break
            records += found[0]
        at += spool.HEAD_BYTES + len(frame)
    return Batch(records, Range(spool.name_of(path), start, at), undecodable)


def _by_age(folder: Path) -> list[Path]:
    found = []
    for path in spool.segments(folder):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue
    return [path for _, path in sorted(found)]


_DECODER = msgspec.msgpack.Decoder(list[CallRecord])
