"""Socket writes of one turn of the event loop, made together at its end.

A write wakes the process on the other side, which costs more than the write; made in a row, the first
one wakes it and the rest find it awake. Nothing waits for a clock: a lone write goes out in the same turn.
"""

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

_MOST = 16  # then they go out at once, so that the other side has something to do


class Writable(Protocol):
    """What it writes to: a transport."""

    def write(self, data: bytes) -> None:
        """Sends, or queues."""

    def close(self) -> None:
        """Sends what is queued and closes."""


class WriteBatch:
    """The writes of one kind on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Empty."""
        self.loop = loop
        self._call_soon = loop.call_soon
        self._pending: list[tuple[Writable, bytes]] = []
        self._is_woken = False

    def put(self, transport: Writable, data: bytes) -> None:
        """Writes soon, in the order of the calls."""
        pending = self._pending
        pending.append((transport, data))
        if not self._is_woken:
            self.wake()
        elif len(pending) >= _MOST:
            self.flush()

    def wake(self) -> None:
        """Sees to it that `flush` is called soon, whether or not anything is put until then."""
        if not self._is_woken:
            self._is_woken = True
            self._call_soon(self._end_turn)

    def flush(self) -> None:
        """Writes now."""
        pending = self._pending
        self._pending = []
        for transport, data in pending:
            try:
                transport.write(data)
            except RuntimeError:  # closed in this very turn; connection_lost tells whoever waits
                continue

    def _end_turn(self) -> None:
        self._is_woken = False
        self.flush()


def batch_of(loop: asyncio.AbstractEventLoop) -> WriteBatch:
    """The batch of requests to servers on this loop."""
    batch = _batches.get(loop)
    if batch is None:
        batch = _batches[loop] = WriteBatch(loop)
    return batch


_batches: "WeakKeyDictionary[asyncio.AbstractEventLoop, WriteBatch]" = WeakKeyDictionary()
