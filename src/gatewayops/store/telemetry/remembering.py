"""Answers that are remembered for a while, for questions that people ask again within seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Rows = list[dict[str, Any]]
_MOST = 100  # answers; of at most some hundred rows each
_AGE_S = ContextVar("age of answers", default=0.0)


@contextmanager
def may_be_old(seconds: float) -> Iterator[None]:
    """What is asked of a store within the block may have been answered so many seconds ago; 0: it may not."""
    before = _AGE_S.set(seconds)
    try:
        yield
    finally:
        _AGE_S.reset(before)


def age_s() -> float:
    """How old answers may be here."""
    return _AGE_S.get()


class Remembering:
    """One of a client. Who asks what is being asked already waits for that answer."""

    def __init__(self, ask: Callable[[str, Mapping[str, Any]], Awaitable[Rows]]) -> None:
        """`ask` is told the SQL and its parameters; what it raises is not remembered."""
        self._ask = ask
        self._answers: dict[tuple[str, str], tuple[float, asyncio.Future[Rows]]] = {}

    async def rows(self, sql: str, parameters: Mapping[str, Any], *, seconds: float) -> Rows:
        """The answer, as it was so many seconds ago at most; rows of the asker's own."""
        key = sql, repr(sorted(parameters.items()))  # numbers have up to 256 bits
        asked_s, answer = self._answers.get(key, (0.0, None))
        if answer is None or time.monotonic() - asked_s > seconds:
            answer = asyncio.ensure_future(self._ask(sql, parameters))
            self._answers.pop(key, None)
            self._answers[key] = time.monotonic(), answer
            while len(self._answers) > _MOST:
                self._answers.pop(next(iter(self._answers)))
        try:
            return [dict(row) for row in await asyncio.shield(answer)]
        except BaseException:
            if answer.done() and self._answers.get(key, (0.0, None))[1] is answer:
                del self._answers[key]
            raise

    def forget(self) -> None:
        """What is asked from here on is asked anew."""
        self._answers.clear()
