"""Passwords: argon2id, in a few threads, at the same cost whether the person exists or not.

Which passwords may be chosen is `check_new`'s to say; those kept before a rule changed stay good.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gatewayops.base.errors import InvalidInput, Reason, TooMany
from gatewayops.base.ids import random_text

T = TypeVar("T")

MIN_LENGTH = 12
MAX_LENGTH = 256
_MEMORY_KIB = 19 * 1024  # with two passes and one lane OWASP's first choice
_PASSES = 2
_THREADS = 2
_MAX_WAITING = 64  # 27 ms each: nobody waits longer than about a second
_FEWEST_CHARACTERS = 5  # different ones
_KNOWN = frozenset(
    (
        "administrator", "administrator1", "changemeplease", "correct horse battery staple",
        "correcthorsebatterystaple", "iloveyou1234", "letmein123456", "password1234", "password12345",
        "password123456", "passw0rd1234", "p@ssw0rd1234", "password password", "passwordpassword",
        "qwertyuiop12", "qwertyuiop123", "qwertyuiop[]", "q1w2e3r4t5y6", "1q2w3e4r5t6y", "1qaz2wsx3edc",
        "1234567890ab", "123456789012", "1234567890123", "123456789abc", "abcdefghijkl", "abcdefghijklmnop",
        "abc123abc123", "qwerty123456", "welcome12345", "gatewayops123", "gatewayopsgatewayops",
    )
)  # fmt: skip
"""What is tried first, of the passwords that are long enough."""


class Passwords:
    """One a process."""

    def __init__(self) -> None:
        """Starts no thread yet."""
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._nobodys = ""
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """To be kept. Raises InvalidInput for a password over the length that is checked, TooMany."""
        if len(password) > MAX_LENGTH:
            msg = f"password: at most {MAX_LENGTH} characters"
            raise InvalidInput(msg)
        return await self._in_thread(self._hasher.hash, _normal(password))

    async def is_right(self, password: str, hashed: str) -> bool:
        """Whether it is the one; an empty hash costs the same and is never right. Raises TooMany."""
        if not self._nobodys:
            self._nobodys = await self._in_thread(self._hasher.hash, random_text(20))
        given = _normal(password[: MAX_LENGTH + 1])
        matches = await self._in_thread(self._matches, given, hashed or self._nobodys)
        return matches and bool(hashed)

    def is_stale(self, hashed: str) -> bool:
        """Whether it was made at another cost than today's: hash the password anew while it is at hand."""
        try:
            return self._hasher.check_needs_rehash(hashed)
        except InvalidHashError:
            return True

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


def check_new(password: str, *, email: str, field: str = "password") -> None:
    """Raises InvalidInput that names `field`: for one too short or too long, or among the first tried."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        msg = f"{field}: {MIN_LENGTH} to {MAX_LENGTH} characters"
        raise InvalidInput(msg)
    plain = _normal(password).casefold()
    is_easy = plain in _KNOWN or len(set(plain)) < _FEWEST_CHARACTERS
    if is_easy or plain in (email.casefold(), email.casefold().partition("@")[0]):
        msg = f"{field}: easy to guess; take several words that have nothing to do with each other"
        raise InvalidInput(msg)
    if any(0xD800 <= ord(char) <= 0xDFFF for char in password):
        msg = f"{field}: not text"
        raise InvalidInput(msg)


def _normal(password: str) -> str:
    """The same on every keyboard (NIST SP 800-63B section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
