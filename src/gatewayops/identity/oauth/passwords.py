"""Passwords of end users: argon2id, in a few threads, at the same cost whether the person exists or not."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gatewayops.base.errors import InvalidInput, Reason, TooMany
from gatewayops.base.ids import random_text

T = TypeVar("T")

MIN_LENGTH = 10
_MAX_LENGTH = 256
_THREADS = 2
_MAX_WAITING = 64  # 27 ms each: nobody waits longer than about a second


class Passwords:
    """One a process."""

    def __init__(self) -> None:
        """19 MiB, two passes, one lane: OWASP's first choice."""
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._nobodys = ""
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """To be kept. Raises InvalidInput for a password that is too short or too long, TooMany."""
        if not MIN_LENGTH <= len(password) <= _MAX_LENGTH:
            msg = f"password: {MIN_LENGTH} to {_MAX_LENGTH} characters"
            raise InvalidInput(msg)
        return await self._in_thread(self._hasher.hash, password)

    async def is_right(self, password: str, hashed: str) -> bool:
        """Whether it is the one; an empty hash costs the same and is never right. Raises TooMany."""
        if not hashed and not self._nobodys:
            self._nobodys = await self._in_thread(self._hasher.hash, random_text(20))
        matches = await self._in_thread(self._matches, password[: _MAX_LENGTH + 1], hashed or self._nobodys)
        return matches and bool(hashed)

    def _matches(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    async def _in_thread(self, work: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= _MAX_WAITING:
            msg = "too many passwords are being checked; try again in a second"
            raise TooMany(msg, Reason.KEY_CHECKS_BUSY)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1
