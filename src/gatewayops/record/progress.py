"""How far the recorder has come, on disk: offsets a segment, and the batch it is about to insert.

Written before an insert (the intent) and after it (the offsets). A file is replaced in one step, so
a killed process leaves the old state or the new one, never half of either.
"""

import fcntl
import os
from pathlib import Path

import msgspec

_STATE = "recorder.msgpack"
_LOCK = "recorder.lock"


class Range(msgspec.Struct, frozen=True, array_like=True):
    """Whole frames of one segment, from `start` up to `end` (bytes). `segment` is `<writer>/<name>`."""

    segment: str
    start: int
    end: int


class Batch(msgspec.Struct, frozen=True):
    """What one insert holds. The token names these very frames for ever."""

    token: str
    ranges: tuple[Range, ...]


class Progress(msgspec.Struct, frozen=True):
    """`pending` was or was not inserted: nobody knows until it has been inserted again."""

    offsets: dict[str, int] = {}
    pending: Batch | None = None


class ProgressFile:
    """The state of one recorder, which it alone may hold."""

    def __init__(self, state_dir: Path) -> None:
        """Makes the folder; takes nothing yet."""
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = state_dir / _STATE
        self._lock_path = state_dir / _LOCK
        self._lock = -1

    def take(self) -> bool:
        """Whether this recorder now is, or already was, the only one."""
        if self._lock >= 0:
            return True
        lock = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        """Lets another recorder take over."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def read(self) -> Progress:
        """The state last written; the beginning when there is none."""
        try:
            return msgspec.msgpack.decode(self._path.read_bytes(), type=Progress)
        except FileNotFoundError:
            return Progress()

    def write(self, progress: Progress) -> None:
        """Survives a killed process. After a power cut older progress may be read, and rows stored twice."""
        draft = self._path.with_suffix(".new")
        draft.write_bytes(msgspec.msgpack.encode(progress))
        draft.replace(self._path)
