"""Server-sent events, watched as they pass: which messages a stream carried, without holding it up.

Source: WHATWG HTML, "Server-sent events", parsing an event stream.
"""

import re

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
KEEPALIVE = b": keep-alive\n\n"
_LOOK_BACK = 3  # a blank line has up to four bytes, and may come in two chunks


class EventScanner:
    """Collects the data of each event. An event over `limit` bytes is passed over, not kept."""

    def __init__(self, limit: int) -> None:
        """`limit` bounds what one event may take in memory."""
        self._limit = limit
        self._rest = bytearray()
        self._seen = 0  # up to where `_rest` holds no blank line
        self._is_skipping = False

    @property
    def is_between_events(self) -> bool:
        """Whether a comment may be put into the stream here."""
        return not self._rest and not self._is_skipping

    @property
    def is_skipping(self) -> bool:
        """Whether the event under way is over the limit."""
        return self._is_skipping

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that this chunk completes, in order."""
        return [data for event in self.split(chunk) if (data := data_of(event))]

    def split(self, chunk: bytes) -> list[bytes]:
        """The events that this chunk completes, each with the blank line at its end."""
        rest = self._rest
        text: bytes | bytearray = chunk
        if rest:
            rest += chunk
            text = rest
        found: list[bytes] = []
        start = 0
        blank = _BLANK_LINE.search(text, self._seen)
        while blank is not None:
            if self._is_skipping:
                self._is_skipping = False
            else:
                found.append(bytes(text[start : blank.end()]))
            start = blank.end()
            blank = _BLANK_LINE.search(text, start)
        if text is rest:
            del rest[:start]
        else:
            rest += chunk[start:]
        self._bound()
        return found

    def _bound(self) -> None:
        if len(self._rest) > self._limit:
            del self._rest[:-_LOOK_BACK]
            self._is_skipping = True
        self._seen = max(0, len(self._rest) - _LOOK_BACK)


def data_of(event: bytes) -> bytes:
    """The data of an event; empty when it has none."""
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines)


def with_data(event: bytes, data: bytes) -> bytes:
    """The event with other data (JSON in one line), its other lines as they were."""
    kept = [line for line in event.splitlines() if line and not line.startswith(b"data:")]
    return b"\n".join([*kept, b"data: " + data, b"", b""])
