"""A walk over a payload that finds what JSON paths name.

It reads brackets and strings only, so it works on a payload that was cut, and finds a name given twice twice.
"""

import msgspec

from gatewayops.record.masking.path_places import NOWHERE, Paths, Place, Way, replaced
from gatewayops.record.masking.source import BACKSLASH, QUOTE, Edit, at_hand, quote_level

_SIGN = at_hand(r"[{}\[\],:]")
_PLAIN = frozenset((b": ", b":", b", ", b","))  # most of what stands between two strings
_IN_STRING = at_hand(r"(?:[^\"\\]+|\\[\x00-\xff])*")
_OPENING = (0x7B, 0x5B)
_CLOSING = (0x7D, 0x5D)
_COMMA = 0x2C
_COLON = 0x3A


def walked(raw: bytes, paths: Paths) -> list[Edit]:
    """What to replace, left to right: values as strings in quotes, strings without theirs."""
    return _Run(raw, paths).edits()


class _Run:
    """One payload being walked over, from string to string; `find` does most of the work."""

    __slots__ = (
        "_depth",
        "_edits",
        "_from",
        "_is_object",
        "_item",
        "_name",
        "_paths",
        "_place",
        "_raw",
        "_skipped",
        "_stack",
        "_way",
    )

    def __init__(self, raw: bytes, paths: Paths) -> None:
        self._raw = raw
        self._paths = paths
        self._edits: list[Edit] = []
        self._stack: list[tuple[Place, bool, int]] = []
        self._place = Place({}, {}, NOWHERE, (None, paths.first), ())
        self._is_object = False
        self._item = -1  # the number of the item at hand where items are counted, else -1
        self._name: tuple[int, int] | None = None  # the string that a colon makes a name
        self._way: Way | None = None  # where the value leads that is expected
        self._from = 0  # where that value begins, blanks included
        self._depth = 0  # of brackets within a value that need not be looked into
        self._skipped: tuple[int, bytes | None] = (0, None)  # where it began, and its marker

    def edits(self) -> list[Edit]:
        """Walks, once."""
        raw, find = self._raw, self._raw.find
        at = 0
        while (quote := find(b'"', at)) >= 0:
            between = raw[at:quote]
            if between not in _PLAIN:
                self._signs(at, quote)
            elif not self._depth:
                self._colon(quote) if between[:1] == b":" else self._comma(quote)
            at = find(b'"', quote + 1) + 1
            if not at or raw[at - 2] == BACKSLASH:
                at = _string_end(raw, quote + 1)
            if not self._depth:
                self._string(quote, at)
        self._signs(at, len(raw))
        if self._depth:
            self._mask(self._skipped[0], len(raw), self._skipped[1])
        elif self._stack:
            self._bare(len(raw))  # a number that the cut went through
        return self._edits

    def _signs(self, start: int, end: int) -> None:
        """What stands between two strings."""
        for match in _SIGN.finditer(self._raw, start, end):
            at = match.start()
            code = self._raw[at]
            if self._depth:
                self._deeper(at, code)
            elif code == _COLON:
                self._colon(at + 1)
            elif code == _COMMA:
                self._bare(at)
                self._comma(at + 1)
            elif code in _OPENING:
                self._open(at, code)
            else:
                self._bare(at)
                self._name = self._way = None
                if self._stack:
                    self._place, self._is_object, self._item = self._stack.pop()

    def _string(self, start: int, end: int) -> None:
        if self._way is None:
            self._name = (start + 1, end - 1)
            return
        self._mask(start, end, self._way[0])
        self._way = None

    def _colon(self, behind: int) -> None:
        if self._is_object and self._name is not None:
            name = self._raw[self._name[0] : self._name[1]]
            if b"\\" in name:
                name = plain(name)
            self._way = self._place.members.get(name, self._place.other_member)
            self._from = behind
            self._name = None

    def _comma(self, behind: int) -> None:
        self._name = self._way = None
        if self._item >= 0:
            self._expect(self._item + 1, behind)

    def _expect(self, item: int, start: int) -> None:
        self._item = item
        self._way = self._place.items.get(item, self._place.other_item)
        self._from = start

    def _open(self, at: int, code: int) -> None:
        mark, steps = self._way or self._place.other_item
        self._name = self._way = None
        if mark is not None or not steps:
            self._depth = 1
            self._skipped = at, mark
            return
        self._stack.append((self._place, self._is_object, self._item))
        self._place = self._paths.place(steps)
        self._is_object = code == _OPENING[0]
        self._item = -1
        if self._place.is_counted and not self._is_object:
            self._expect(0, at + 1)

    def _deeper(self, at: int, code: int) -> None:
        if code in _OPENING:
            self._depth += 1
        elif code in _CLOSING:
            self._depth -= 1
            if not self._depth:
                self._mask(self._skipped[0], at + 1, self._skipped[1])

    def _bare(self, end: int) -> None:
        """A number or word that ends in front of `end`, where a value was expected and none came."""
        if self._way is not None and self._way[0] is not None:
            text = self._raw[self._from : end]
            start = self._from + len(text) - len(text.lstrip())
            self._mask(start, start + len(text.strip()), self._way[0])

    def _mask(self, start: int, end: int, mark: bytes | None) -> None:
        edit = replaced(self._raw, start, end, mark) if mark is not None else None
        if edit is not None:
            self._edits.append(edit)


def plain(name: bytes) -> bytes:
    """A name with its escapes undone; nothing for what is none."""
    try:
        return msgspec.json.decode(b'"' + name + b'"', type=str).encode()
    except msgspec.DecodeError:
        return b""


def _string_end(raw: bytes, start: int) -> int:
    """Behind the quote that ends the string whose inside begins at `start`; a cut one reaches to the end."""
    at = raw.find(b'"', start)
    if at > start and raw[at - 1] == BACKSLASH and quote_level(raw, at, start):
        inside = _IN_STRING.match(raw, at + 1)
        at = inside.end() if inside is not None else at
    return at + 1 if 0 <= at < len(raw) and raw[at] == QUOTE else len(raw)
