"""One walk over a payload that finds what several JSON paths name.

It reads brackets and strings only, so it works on a payload that was cut, and finds a name given twice twice.
Where it stands is a set of steps, one of each path that may still lead somewhere; what each name leads to
from there is worked out once and kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from gatewayops.record.masking.source import BACKSLASH, BLANK, QUOTE, Edit, at_hand, quote_level

_MOST_PLACES = 1000
_SIGN = at_hand(r"[\"{}\[\]]")
_SIGN_OR_COMMA = at_hand(r"[\"{}\[\],]")
_COLON = at_hand(rf"[{BLANK}]*:[{BLANK}]*")
_BLANKS = at_hand(rf"[{BLANK}]*")
_BARE = at_hand(r"[^,}\]]*")
_IN_STRING = at_hand(r"(?:[^\"\\]+|\\[\x00-\xff])*")
_NOTHING = (b"", b"null", b'""')
_OPENING = (0x7B, 0x5B)
_COMMA = 0x2C
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

    def edits(self, raw: bytes) -> Iterator[Edit]:
        """What to replace, left to right: values as strings in quotes, strings without theirs."""
        run = _Run(raw, self)
        while (way := run.next_value()) is not None:
            edit = run.take(way)
            if edit is not None:
                yield edit

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
    """One payload being walked over."""

    __slots__ = ("_at", "_is_object", "_item", "_place", "_raw", "_stack", "_walk")

    def __init__(self, raw: bytes, walk: Walk) -> None:
        self._raw = raw
        self._walk = walk
        self._stack: list[tuple[_Place, bool, int]] = []
        self._place = walk.around
        self._is_object = False
        self._item = -1  # the number of the item at hand where items are counted, else -1
        self._at = 0

    def next_value(self) -> _Way | None:
        """Goes to the next value that may matter and says where it leads; None at the end."""
        raw = self._raw
        while (match := (_SIGN if self._item < 0 else _SIGN_OR_COMMA).search(raw, self._at)) is not None:
            at = self._at = match.end()
            code = raw[at - 1]
            if code == QUOTE:
                self._at = end = _string_end(raw, at)
                colon = _COLON.match(raw, end) if self._is_object else None
                if colon is not None:
                    self._at = colon.end()
                    name = raw[at : end - 1]
                    place = self._place
                    return place.members.get(_plain(name) if b"\\" in name else name, place.other_member)
            elif code == _COMMA:
                return self._item_at(self._item + 1)
            elif code in _OPENING:
                self._at = at - 1
                return self._place.other_item
            elif self._stack:
                self._place, self._is_object, self._item = self._stack.pop()
        return None

    def take(self, way: _Way) -> Edit | None:
        """What to replace of the value at hand; goes behind it, or into it."""
        raw = self._raw
        while True:
            at = self._at
            if way[0] is not None:
                self._at = end = _value_end(raw, at)
                return _edit(raw, at, end, way[0])
            code = raw[at] if at < len(raw) else 0
            if code == QUOTE:
                self._at = _string_end(raw, at + 1)
            elif code in _OPENING:
                if not way[1]:
                    self._at = _skip(raw, at + 1)
                    return None
                self._stack.append((self._place, self._is_object, self._item))
                self._place = self._walk.place(way[1])
                self._at, self._is_object, self._item = at + 1, code == _OPENING[0], -1
                if self._place.is_counted and not self._is_object:
                    way = self._item_at(0)
                    continue
            return None

    def _item_at(self, item: int) -> _Way:
        self._item = item
        blanks = _BLANKS.match(self._raw, self._at)
        self._at = blanks.end() if blanks is not None else self._at
        return self._place.items.get(item, self._place.other_item)


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


def _value_end(raw: bytes, start: int) -> int:
    code = raw[start] if start < len(raw) else 0
    if code == QUOTE:
        return _string_end(raw, start + 1)
    if code in _OPENING:
        return _skip(raw, start + 1)
    bare = _BARE.match(raw, start)
    return start + len(bare.group().rstrip()) if bare is not None else start


def _skip(raw: bytes, at: int) -> int:
    """Behind the bracket that closes the one in front of `at`."""
    depth = 1
    search, find = _SIGN.search, raw.find
    while (match := search(raw, at)) is not None:
        at = match.end()
        code = raw[at - 1]
        if code == QUOTE:
            end = find(b'"', at)  # at once for most strings: calls are what a walk costs
            at = end + 1 if end >= 0 and raw[end - 1] != BACKSLASH else _string_end(raw, at)
        elif code in _OPENING:
            depth += 1
        elif depth == 1:
            return at
        else:
            depth -= 1
    return len(raw)


def _edit(raw: bytes, start: int, end: int, mark: bytes) -> Edit | None:
    """Quotes stay where a string had them and come where it had none; nothing and null stay."""
    if end - start <= _LONGEST_NOTHING and raw[start:end] in _NOTHING:
        return None
    if raw[start] == QUOTE:
        return start + 1, end - (raw[end - 1] == QUOTE and end - 1 > start), mark
    return start, end, b'"' + mark + b'"'
