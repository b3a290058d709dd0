"""Server-sent events, watched as they pass: which messages a stream carried, without holding it up.

Source: WHATWG HTML, "Server-sent events", parsing an event stream.
"""

import re

_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")  # atomic: the two of a CRLF are one end
_BOM = b"\xef\xbb\xbf"
_READ = (b"event:", b"id:", b"retry:", b":")  # what clients read beside data; comments keep a stream alive
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
        self._is_first = True
        self._ended_in_cr = False  # the line feed of its CRLF may come with the next chunk

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
        if self._ended_in_cr:
            chunk = chunk.removeprefix(b"\n")
            self._ended_in_cr = not chunk
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
                found.append(self._event(bytes(text[start : blank.end()])))
            start = blank.end()
            blank = _BLANK_LINE.search(text, start)
        self._ended_in_cr = self._ended_in_cr or (0 < start == len(text) and text[-1:] == b"\r")
        if text is rest:
            del rest[:start]
        else:
            rest += chunk[start:]
        self._bound()
        return found

    def _event(self, raw: bytes) -> bytes:
        if not self._is_first:
            return raw
        self._is_first = False
        return raw.removeprefix(_BOM)

    def _bound(self) -> None:
        if len(self._rest) > self._limit:
            del self._rest[:-_LOOK_BACK]
            self._is_skipping = True
        self._seen = max(0, len(self._rest) - _LOOK_BACK)


def data_of(event: bytes) -> bytes:
    """The data of an event; empty when it has none."""
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines)


def with_data(event: bytes, data: bytes | None) -> bytes:
    """The event with other data, or without any; of its other lines those that clients read.

    Data of several lines stays so: a line end in it would begin a field.
    """
    lines = event.splitlines()
    kept = [line for line in lines if line.startswith(_READ) or line == b"id"]
    if data:
        kept += [b"data: " + line for line in data.splitlines()]
    elif data is not None and any(line.startswith(b"data:") for line in lines):
        kept.append(b"data:")  # says to clients: here one may resume
    return b"\n".join([*kept, b"", b""]) if kept else b""
