"""Socket writes of one turn of the event loop, made together at its end.

A write wakes the process on the other side, which costs more than the write; made in a row, the first
one wakes it and the rest find it awake. Nothing waits for a clock: a lone write goes out in the same turn.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

Write = Callable[[bytes], object]

_MOST = 16  # then they go out at once, so that the other side has something to do


class WriteBatch:
    """Those of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use `of`."""
        self._call_soon = loop.call_soon
        self._pending: list[tuple[Write, bytes]] = []

    @staticmethod
    def of(loop: asyncio.AbstractEventLoop) -> "WriteBatch":
        """The loop's batch."""
        batch = _batches.get(loop)
        if batch is None:
            batch = _batches[loop] = WriteBatch(loop)
        return batch

    def put(self, write: Write, data: bytes) -> None:
        """Writes at the end of this turn, in the order of the calls."""
        pending = self._pending
        pending.append((write, data))
        if len(pending) == 1:
            self._call_soon(self.flush)
        elif len(pending) >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Writes now."""
        pending = self._pending
        self._pending = []
        for write, data in pending:
            write(data)


_batches: "WeakKeyDictionary[asyncio.AbstractEventLoop, WriteBatch]" = WeakKeyDictionary()
