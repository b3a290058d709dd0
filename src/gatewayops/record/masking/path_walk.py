"""One walk over a payload that finds what several JSON paths name.

It reads brackets and strings only, so it works on a payload that was cut, and finds a name given twice twice.
Where it stands is a set of steps, one of each path that may still lead somewhere; what each name leads to
from there is worked out once and kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from gatewayops.record.masking.source import BACKSLASH, QUOTE, Edit, at_hand, quote_level

_MOST_PLACES = 1000
_SIGN = at_hand(r"[{}\[\],:]")
_PLAIN = frozenset((b": ", b":", b", ", b","))  # most of what stands between two strings
_IN_STRING = at_hand(r"(?:[^\"\\]+|\\[\x00-\xff])*")
_NOTHING = (b"", b"null", b'""')
_OPENING = (0x7B, 0x5B)
_CLOSING = (0x7D, 0x5D)
_COMMA = 0x2C
_COLON = 0x3A
_LONGEST_NOTHING = 4
_NO_NAME, _NO_NUMBER = "", -1  # what no step names


@dataclass(frozen=True, slots=True)
class Segment:
    """One step: a member's name, an item's number, or None for any; `descends` at any depth below."""

    key: str | int | None
    descends: bool = False

    def takes(self, key: str | int) -> bool:
        """Whether this step leads there."""
        return self.key is None or self.key == key


_Steps = frozenset[int]
_Way = tuple[bytes | None, _Steps]
"""The marker for the value there, or None; and the steps within it."""


_NOWHERE: _Way = (None, frozenset())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where each name and number leads from a container of the payload."""

    members: dict[bytes, _Way]
    items: dict[int, _Way]
    other_member: _Way
    other_item: _Way
    is_counted: bool = False
    """Whether items are told apart, or masked themselves; else only what is in them matters."""


class Walk:
    """Paths with their markers, ready to walk. Holds nothing of a payload."""

    def __init__(self, paths: Sequence[tuple[tuple[Segment, ...], bytes]]) -> None:
        """The first path that names a place says the marker."""
        self._segments: list[Segment] = []
        self._marks: list[bytes | None] = []
        first = []
        for segments, mark in paths:
            first.append(len(self._segments))
            self._segments += segments
            self._marks += [None] * (len(segments) - 1) + [mark]
        self._places: dict[_Steps, _Place] = {}
        self.around = _Place({}, {}, _NOWHERE, (None, frozenset(first)))

    def edits(self, raw: bytes) -> list[Edit]:
        """What to replace, left to right: values as strings in quotes, strings without theirs."""
        return _Run(raw, self).edits()

    def place(self, steps: _Steps) -> _Place:
        """Where names and numbers lead from these steps."""
        found = self._places.get(steps)
        if found is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            found = self._places[steps] = self._built(steps)
        return found

    def _built(self, steps: _Steps) -> _Place:
        keys = {self._segments[step].key for step in steps}
        items = {key: self._way(steps, key) for key in keys if isinstance(key, int)}
        other_item = self._way(steps, _NO_NUMBER)
        return _Place(
            {key.encode(): self._way(steps, key) for key in keys if isinstance(key, str)},
            items,
            self._way(steps, _NO_NAME),
            other_item,
            is_counted=bool(items) or other_item[0] is not None,
        )

    def _way(self, steps: _Steps, key: str | int) -> _Way:
        taken = [step for step in sorted(steps) if self._segments[step].takes(key)]
        marks = [mark for step in taken if (mark := self._marks[step]) is not None]
        below = {step + 1 for step in taken if self._marks[step] is None}
        below.update(step for step in steps if self._segments[step].descends)
        return marks[0] if marks else None, frozenset(below)


class _Run:
    """One payload being walked over, from string to string; `find` does most of the work."""

    __slots__ = (
        "_depth",
        "_edits",
        "_from",
        "_is_object",
        "_item",
        "_name",
        "_place",
        "_raw",
        "_skipped",
        "_stack",
        "_walk",
        "_way",
    )

    def __init__(self, raw: bytes, walk: Walk) -> None:
        self._raw = raw
        self._walk = walk
        self._edits: list[Edit] = []
        self._stack: list[tuple[_Place, bool, int]] = []
        self._place = walk.around
        self._is_object = False
        self._item = -1  # the number of the item at hand where items are counted, else -1
        self._name: tuple[int, int] | None = None  # the string that a colon makes a name
        self._way: _Way | None = None  # where the value leads that is expected
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
                name = _plain(name)
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
        self._place = self._walk.place(steps)
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
        """Quotes stay where a string had them and come where it had none; nothing and null stay."""
        raw = self._raw
        if mark is None or (end - start <= _LONGEST_NOTHING and raw[start:end] in _NOTHING):
            return
        if raw[start] == QUOTE:
            end -= raw[end - 1] == QUOTE and end - 1 > start
            self._edits.append((start + 1, end, mark))
        else:
            self._edits.append((start, end, b'"' + mark + b'"'))


def _plain(name: bytes) -> bytes:
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
