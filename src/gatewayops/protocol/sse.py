"""Server-sent events, watched as they pass: which messages a stream carried, without holding it up.

Source: WHATWG HTML, "Server-sent events", parsing an event stream.
"""

import re

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
KEEPALIVE = b": keep-alive\n\n"


class EventScanner:
    """Collects the data of each event. An event over `limit` bytes is passed over, not kept."""

    def __init__(self, limit: int) -> None:
        """`limit` bounds what one event may take in memory."""
        self._limit = limit
        self._rest = b""
        self._is_skipping = False

    @property
    def is_between_events(self) -> bool:
        """Whether a comment may be put into the stream here."""
        return not self._rest and not self._is_skipping

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that this chunk completes, in order."""
        text = self._rest + chunk if self._rest else chunk
        found: list[bytes] = []
        start = 0
        for blank in _BLANK_LINE.finditer(text):
            if self._is_skipping:
                self._is_skipping = False
            else:
                data = _data_of(text[start : blank.start()])
                if data:
                    found.append(data)
            start = blank.end()
        self._rest = text[start:]
        if len(self._rest) > self._limit:
            self._rest = self._rest[-3:]
            self._is_skipping = True
        return found


def _data_of(event: bytes) -> bytes:
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines)
