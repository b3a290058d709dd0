"""The spool: what happened, on disk before the answer leaves, until the recorder has stored it.

Each writer (a gateway worker) owns a folder `SPOOL/<writer>/` of segments `0000000001.seg`, and
holds a lock on it while it lives. A frame is length and CRC-32 (little endian, 4 bytes each) and a
payload; it is appended by one `write`, so a killed process leaves whole frames. The recorder reads
from an offset and removes a segment that is used up and will not grow.
"""

import fcntl
import os
import struct
import zlib
from pathlib import Path

from gatewayops.base.errors import Reason, Unavailable
from gatewayops.base.ids import random_text

_HEAD = struct.Struct("<II")
HEAD_BYTES = _HEAD.size  # a frame is that much longer than its payload
_LOCK = "lock"


class SpoolBroken(Unavailable):
    """The disk did not take a frame. Nothing of it remains; the call must not be answered as done."""

    reason = Reason.RECORD_UNAVAILABLE


class SpoolWriter:
    """Appends frames for one process. Not for several threads."""

    def __init__(self, root: Path, *, segment_bytes: int = 64 << 20) -> None:
        """Makes and locks a new folder below `root`."""
        self._folder = root / f"{os.getpid()}-{random_text(8)}"
        self._folder.mkdir(parents=True, mode=0o700)
        self._lock = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._segment_bytes = segment_bytes
        self._number = 0
        self._size = 0
        self._file = -1
        self._next_segment()

    def append(self, *payloads: bytes) -> None:
        """All on disk (in the system's cache) when it returns, by one write; or SpoolBroken, and none."""
        frames = b"".join([_HEAD.pack(len(payload), zlib.crc32(payload)) + payload for payload in payloads])
        self._write(frames)
        if self._size >= self._segment_bytes:
            self._next_segment()

    def probe(self) -> None:
        """Raises SpoolBroken unless the disk takes a frame; it is empty, and readers pass over it."""
        self._write(_HEAD.pack(0, 0))

    def _write(self, frames: bytes) -> None:
        try:
            written = os.write(self._file, frames)
        except OSError as error:
            msg = f"the spool cannot be written: {error.strerror}"
            raise SpoolBroken(msg) from error
        if written != len(frames):
            os.ftruncate(self._file, self._size)
            msg = "the spool cannot be written: the disk is full"
            raise SpoolBroken(msg)
        self._size += written

    def close(self) -> None:
        """Lets the recorder take the rest; the folder goes when it is empty."""
        os.close(self._file)
        os.close(self._lock)

    def _next_segment(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._number += 1
        path = self._folder / f"{self._number:010d}.seg"
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_EXCL, 0o600)
        self._size = 0


def segments(root: Path) -> list[Path]:
    """All segments of all writers, each writer's in order."""
    return sorted(root.glob("*/*.seg"))


def name_of(segment: Path) -> str:
    """`<writer>/<name>`, which no other segment of any spool has."""
    return f"{segment.parent.name}/{segment.name}"


def read_frames(path: Path, offset: int, *, limit: int, read_bytes: int = 8 << 20) -> tuple[list[bytes], int]:
    """At most `limit` whole payloads from `offset`, and the offset behind them; the first, and more that are
    in `read_bytes`.

    Stops at the first frame that is not whole; a frame whose checksum is wrong ends the segment there.
    """
    with path.open("rb") as file:
        file.seek(offset)
        raw = file.read(read_bytes)
        if len(raw) >= _HEAD.size:
            length = _HEAD.unpack_from(raw)[0]
            if length + _HEAD.size > len(raw):
                raw += file.read(length + _HEAD.size - len(raw))
    payloads: list[bytes] = []
    at = 0
    while len(payloads) < limit and at + _HEAD.size <= len(raw):
        length, checksum = _HEAD.unpack_from(raw, at)
        payload = raw[at + _HEAD.size : at + _HEAD.size + length]
        if len(payload) < length or zlib.crc32(payload) != checksum:
            break
        if payload:
            payloads.append(payload)
        at += _HEAD.size + length
    return payloads, offset + at


def is_alive(segment: Path) -> bool:
    """Whether the writer of this segment still runs (it holds the folder's lock)."""
    lock = os.open(segment.parent / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def is_sealed(segment: Path) -> bool:
    """Whether the segment will not grow: its writer has a newer one, or is gone."""
    newer = segment.with_name(f"{int(segment.stem) + 1:010d}.seg")
    return newer.exists() or not is_alive(segment)


def remove(segment: Path) -> None:
    """Deletes a segment that is used up, and its writer's folder when that was the last one."""
    folder = segment.parent
    segment.unlink(missing_ok=True)
    if not any(folder.glob("*.seg")) and not is_alive(segment):
        (folder / _LOCK).unlink(missing_ok=True)
        folder.rmdir()
