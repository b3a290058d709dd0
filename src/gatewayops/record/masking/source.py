"""The payload being masked, and what its quotes and backslashes mean.

A payload may be JSON that holds JSON in a string, that holds JSON in a string. There a quote of
depth d is written behind 2^d - 1 backslashes, so the depth of a quote can be read off the run in
front of it without parsing, also in a payload that was cut.
"""

import re
from typing import Protocol

import re2

from gatewayops.record.masking.decoded import Places, readings

BLANK = r"\t\n\f\r "
"""What RE2 means by `\\s`, to stand in brackets."""
BACKSLASH = 0x5C
QUOTE = 0x22
Edit = tuple[int, int, bytes]
"""Start, end, and what stands there instead."""


class Pattern(Protocol):
    """The part of a compiled RE2 pattern that the rules use."""

    def finditer(self, text: bytes, pos: int = 0) -> "Matches": ...

    def search(self, text: bytes, pos: int = 0) -> "Match | None": ...

    def match(self, text: bytes, pos: int = 0) -> "Match | None": ...


class Match(Protocol):
    """One match."""

    def start(self) -> int: ...

    def end(self) -> int: ...

    def group(self) -> bytes: ...


class Matches(Protocol):
    """What finditer gives."""

    def __iter__(self) -> "Matches": ...

    def __next__(self) -> Match: ...


def options() -> re2.Options:
    """Bytes as they are (Latin-1), no captures (they make RE2 leave its automaton), bounded memory."""
    chosen = re2.Options()
    chosen.encoding = re2.Options.Encoding.LATIN1
    chosen.never_capture = True
    chosen.log_errors = False
    chosen.max_mem = 8 << 20
    return chosen


def compiled(pattern: str) -> Pattern:
    """An RE2 pattern over bytes."""
    found: Pattern = re2.compile(pattern.encode("latin-1"), options())
    return found


def at_hand(pattern: str) -> re.Pattern[bytes]:
    """A pattern of Python's own, for what stands at one place: it begins five times as quickly as RE2.

    Only for patterns that end in a loop or in one sign, and in whose loops each turn can match in one way
    only: there is nothing to backtrack into. For blanks write BLANK: Python's `\\s` is another than RE2's.
    """
    return re.compile(pattern.encode("latin-1"))


class Source:
    """The bytes of a payload; `is_json` when they begin as JSON does."""

    __slots__ = (
        "_counted_to",
        "_is_inside",
        "_lowered",
        "_outer_end",
        "_outer_start",
        "_places",
        "_readings",
        "is_json",
        "raw",
    )

    def __init__(self, raw: bytes, read: list[bytes] | None = None) -> None:
        """`read`: what `readings` gives, where somebody knows it already."""
        self.raw = raw
        self.is_json = _JSON_START.match(raw) is not None
        self._counted_to = 0
        self._is_inside = False
        self._outer_start, self._outer_end = 0, -1
        self._readings = read or []
        self._places: list[Places] = []
        self._lowered = b""

    def lowered(self) -> bytes:
        """The bytes with ASCII letters small."""
        if not self._lowered:
            self._lowered = self.raw.lower()
        return self._lowered

    def readings(self) -> list[bytes]:
        """The bytes, and what they read as with escapes undone once, twice, … (see decoded.py)."""
        if not self._readings:
            self._readings = readings(self.raw)
        return self._readings

    def written(self, depth: int, start: int, end: int) -> tuple[int, int]:
        """The span of `raw` that the reading of this depth shows as `start` to `end`."""
        while len(self._places) < depth:
            self._places.append(Places(self._readings[len(self._places)]))
        for places in reversed(self._places[:depth]):
            start, end = places.back(start, end)
        return start, end

    def is_in_string(self, at: int) -> bool:
        """Whether `at` is inside a string of the outermost JSON. Ask in ascending order of `at`."""
        if at < self._counted_to:
            self._counted_to, self._is_inside = 0, False
        part = self.raw[self._counted_to : at]
        quotes = part.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')
        self._is_inside ^= bool(quotes & 1)
        self._counted_to = at
        return self._is_inside

    def outer_string_end(self, at: int) -> int:
        """Where the outermost JSON string around `at` ends; the end of the payload when it is not JSON."""
        if not self._outer_start <= at <= self._outer_end:
            self._outer_start = at
            self._outer_end = self.string_end(at, 0) if self.is_json else len(self.raw)
        return self._outer_end

    def string_end(self, start: int, level: int) -> int:
        """Where the inside of a string ends that was opened by a quote of `level` (see quote_level).

        A quote of an enclosing string ends it too; a string that never ends reaches to the end.
        """
        raw = self.raw
        at = raw.find(b'"', start)
        while at >= 0:
            found = quote_level(raw, at, start)
            if found <= level:
                opening = b"\\" * level + b'"'
                if found < level or not raw.startswith(opening, at + 1):
                    return at - found
                at += len(opening)  # a doubled quote (CSV, triple quotes) goes on
            at = raw.find(b'"', at + 1)
        return len(raw)


def quote_level(raw: bytes, at: int, start: int = 0) -> int:
    """How many backslashes make the quote at `at` what it is: 0, 1, 3, 7 by depth of nesting.

    Those of an escaped backslash in front of it are not counted: they end the text before it.
    """
    first = at
    while first > start and raw[first - 1] == BACKSLASH:
        first -= 1
    run = at - first + 1
    return (run & -run) - 1


def opens_word(raw: bytes, start: int) -> bool:
    r"""Whether a word begins at `start`. The letter of an escape (`\n`, `%3D`, `\u2028`) is none of it."""
    if start == 0 or not (chr(raw[start - 1]).isalnum() or raw[start - 1] == 0x5F):
        return True
    before = raw[max(0, start - 6) : start]
    return _ESCAPE_BEFORE.search(before) is not None


def behind_escape(raw: bytes, at: int) -> int:
    r"""`at`, or behind the escape it is in: the `n` of `\n` is no letter, `2028` of `\u2028` no digits."""
    if raw[at - 1 : at] == b"\\" and raw[at : at + 1] in b"nrtbf":
        return at + 1
    start = raw.rfind(b"\\u", max(0, at - 5), at)
    if start >= 0:
        return max(at, start + 6)
    start = raw.rfind(b"%", max(0, at - 2), at)
    return max(at, start + 3) if start >= 0 else at


_JSON_START = at_hand(rf"[{BLANK}]*(?:\{{[{BLANK}]*[\"}}]|\[[{BLANK}]*[\[{{\"\]0-9tfn-]|\")")
_ESCAPE_BEFORE = compiled(r"(?:\\[nrtbf]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})$")
