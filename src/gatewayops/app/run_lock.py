"""One holder at a time of something in the data directory: `up`, or the embedded telemetry store.

The lock belongs to the process and is gone with it, however it ends. The file beside it tells others
who holds it and where to reach it.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Any

import msgspec

from gatewayops.base.errors import Conflict

_ASK_AGAIN_S = 0.1


class AlreadyHeld(Conflict):
    """Another process holds the lock."""


class RunLock:
    """The lock `run/<name>.lock`, and `run/<name>.json` in which its holder tells about itself."""

    def __init__(self, run: Path, name: str) -> None:
        """Opens the lock file, without taking the lock."""
        self.name = name
        self._told = run / f"{name}.json"
        self._file = os.open(run / f"{name}.lock", os.O_CREAT | os.O_RDWR, 0o600)

    def take(self, *, wait_s: float = 0.0) -> None:
        """Takes the lock, or raises AlreadyHeld after `wait_s`."""
        give_up_at = time.monotonic() + wait_s
        while not self._taken():
            if time.monotonic() >= give_up_at:
                holder = self.told().get("pid")
                msg = f"process {holder} holds it" if holder else "another process holds it"
                raise AlreadyHeld(msg)
            time.sleep(_ASK_AGAIN_S)

    def tell(self, about: dict[str, Any]) -> None:
        """Replaces in one step what others can read about the holder."""
        draft = self._told.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n")
        draft.replace(self._told)

    def told(self) -> dict[str, Any]:
        """What the last holder told; empty when it said nothing."""
        try:
            return msgspec.json.decode(self._told.read_bytes(), type=dict[str, Any])
        except (FileNotFoundError, msgspec.DecodeError):
            return {}

    def holder(self) -> dict[str, Any] | None:
        """What the holder told, or None when nobody holds the lock."""
        if self._taken():
            fcntl.flock(self._file, fcntl.LOCK_UN)
            return None
        return self.told()

    def close(self) -> None:
        """Lets go; what was told is removed by whoever told it."""
        os.close(self._file)

    def forget(self) -> None:
        """Removes what was told."""
        self._told.unlink(missing_ok=True)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
