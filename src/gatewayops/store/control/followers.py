"""Followers: which snapshot each gateway knows, so that a change can wait until all of them know it.

A gateway asks for the next snapshot with the revision it has and a name of its own; when its connection ends
while it waits, or it has not asked for a while, it is forgotten: a gateway that is gone holds nobody up.
"""

import asyncio
import time
from contextlib import suppress

FORGOTTEN_S = 45.0  # they ask again after 20 at most


class Followers:
    """Who follows, and how far each has come."""

    def __init__(self, *, forgotten_s: float = FORGOTTEN_S) -> None:
        """Nobody yet; who has not asked for `forgotten_s` does not count."""
        self._forgotten_s = forgotten_s
        self._known: dict[str, tuple[int, float]] = {}  # revision, and when it asked
        self._news = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Whether nobody follows."""
        return not self._known

    def count(self) -> int:
        """How many follow now."""
        return len(self._current())

    def behind(self, revision: int) -> int:
        """How many of them have older rules than that."""
        return sum(known < revision for known, _ in self._current().values())

    def came(self, name: str, revision: int) -> None:
        """A follower asked, and has that revision in use."""
        self._known[name] = revision, time.monotonic()
        self._tell()

    def left(self, name: str) -> None:
        """A follower's connection ended."""
        self._known.pop(name, None)
        self._tell()

    async def reach(self, revision: int, *, within_s: float) -> None:
        """Until all have that revision in use, or the time is over."""
        self._known = self._current()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while any(known < revision for known, _ in self._known.values()):
                    await self._news.wait()

    def _current(self) -> dict[str, tuple[int, float]]:
        oldest = time.monotonic() - self._forgotten_s
        return {name: seen for name, seen in list(self._known.items()) if seen[1] > oldest}

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
