"""The short way of the walk (`path_walk.py`) through whole, valid JSON: most of it is jumped over.

msgspec says how long each value is, at its own speed, so only what a path leads into is looked at. Nothing is
taken on trust: names and values must stand where they should, up to the closing bracket. Where they don't (a
name given twice, a payload that was cut, JSON Lines), `Uneven` is raised, and the walk looks.
"""

import msgspec
from msgspec import Raw

from gatewayops.record.masking.path_places import Paths, Place, Steps, replaced
from gatewayops.record.masking.path_walk import plain
from gatewayops.record.masking.source import BLANK, Edit, at_hand

_MOST_DEPTH = 40  # each level reads what is below it once more
_BLANKS = at_hand(rf"[{BLANK}]*")
_MEMBER = at_hand(rf'[,{BLANK}]*"((?:[^"\\]+|\\[\x00-\xff])*)"[{BLANK}]*:[{BLANK}]*')
_BETWEEN = at_hand(rf"[,{BLANK}]*")
_CLOSING = {b"{": b"}", b"[": b"]"}
_OPENING = (0x7B, 0x5B)
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_items = msgspec.json.Decoder(list[Raw]).decode


class Uneven(ValueError):
    """The payload is not what can be jumped through."""


def jumped(raw: bytes, paths: Paths) -> list[Edit]:
    """What `walked` finds too. Raises Uneven."""
    jump = _Jump(raw, paths)
    try:
        jump.into(_behind_blanks(raw, 0), raw, paths.first, depth=0)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Uneven from error
    return jump.edits


class _Jump:
    __slots__ = ("_paths", "_raw", "edits")

    def __init__(self, raw: bytes, paths: Paths) -> None:
        self._raw = raw
        self._paths = paths
        self.edits: list[Edit] = []

    def into(self, start: int, text: bytes | Raw, steps: Steps, *, depth: int) -> None:
        """Finds what is in the container whose bracket is at `start`, and which is `text`."""
        if depth > _MOST_DEPTH:
            raise Uneven
        opening = self._raw[start : start + 1]
        if opening not in _CLOSING:
            raise Uneven
        place = self._paths.place(steps)
        if opening == b"{":
            at = self._object(start + 1, _members(text), place, depth)
        else:
            at = self._array(start + 1, _items(text), place, depth)
        if not self._raw.startswith(_CLOSING[opening], _behind_blanks(self._raw, at)):
            raise Uneven

    def _object(self, at: int, members: dict[str, Raw], place: Place, depth: int) -> int:
        raw, member, ways, other = self._raw, _MEMBER.match, place.members, place.other_member
        for key, value in members.items():
            found = member(raw, at)
            if found is None:
                raise Uneven
            name = found[1]
            if b"\\" in name:
                name = plain(name)
            if name != key.encode():
                raise Uneven
            start = found.end()
            at = start + len(value)
            if raw[start:at] != bytes(value):
                raise Uneven
            mark, steps = ways.get(name, other)
            if mark is not None or steps:
                self._value(start, value, mark, steps, depth)
        return at

    def _array(self, at: int, items: list[Raw], place: Place, depth: int) -> int:
        raw, between, ways, other = self._raw, _BETWEEN.match, place.items, place.other_item
        for number, value in enumerate(items):
            found = between(raw, at)
            start = found.end() if found is not None else at
            at = start + len(value)
            mark, steps = ways.get(number, other)
            if mark is not None or steps:
                self._value(start, value, mark, steps, depth)
        return at

    def _value(self, start: int, value: Raw, mark: bytes | None, steps: Steps, depth: int) -> None:
        if mark is not None:
            edit = replaced(self._raw, start, start + len(value), mark)
            if edit is not None:
                self.edits.append(edit)
        elif self._raw[start] in _OPENING and self._paths.may_end_in(value, steps):
            self.into(start, value, steps, depth=depth + 1)


def _behind_blanks(raw: bytes, at: int) -> int:
    blanks = _BLANKS.match(raw, at)
    return blanks.end() if blanks is not None else at
