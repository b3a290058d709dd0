"""The heads of answers, remembered by their bytes: a server repeats itself; known heads need no parser."""

from typing import NamedTuple

from gatewayops.upstream.exchange import Headers

_REMEMBERED = 500
_REMEMBERED_BYTES = 2 << 10


class AnswerHead(NamedTuple):
    """What the parser found; `length` is that of the body."""

    status: int
    headers: Headers  # shared, never changed
    length: int


class AnswerHeads:
    """Bounded. One an origin: what one server says tells nothing of another."""

    def __init__(self) -> None:
        """Knows nothing."""
        self._known: dict[bytes, AnswerHead] = {}
        self.known = self._known.get  # by the bytes up to and with the empty line; a call counts

    def remember(self, raw: bytes, status: int, headers: Headers, length: int) -> None:
        """`raw` was all of a head that announced `length` bytes, and so many came behind it."""
        if length and len(raw) <= _REMEMBERED_BYTES and (b"content-length", b"%d" % length) in headers:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[raw] = AnswerHead(status, headers, length)
