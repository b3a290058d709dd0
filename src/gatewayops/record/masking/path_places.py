"""Where JSON paths lead: for each set of steps, what every name and number leads to, worked out once.

A set of steps has one of each path that may still lead somewhere. Used by the walk over a payload
(`path_walk.py`) and by its short way (`path_jump.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import Raw

from gatewayops.record.masking.source import QUOTE, Edit

_MOST_PLACES = 1000
_NOTHING = (b"", b"null", b'""')
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


Steps = frozenset[int]
Way = tuple[bytes | None, Steps]
"""The marker for the value there, or None; and the steps within it."""


Needs = tuple[tuple[bytes, ...], ...]
"""For each path the names, in quotes, that must be in a container for it to end there.

Empty where no path descends: those are looked for where they are, and nowhere else.
"""
NOWHERE: Way = (None, frozenset())


@dataclass(frozen=True, slots=True)
class Place:
    """Where each name and number leads from a container of the payload."""

    members: dict[bytes, Way]
    items: dict[int, Way]
    other_member: Way
    other_item: Way
    needs: Needs
    is_counted: bool = False
    """Whether items are told apart, or masked themselves; else only what is in them matters."""


class Paths:
    """Paths with their markers. Holds nothing of a payload."""

    def __init__(self, paths: Sequence[tuple[tuple[Segment, ...], bytes]]) -> None:
        """The first path that names a place says the marker."""
        self._segments: list[Segment] = []
        self._marks: list[bytes | None] = []
        self._needed: list[tuple[bytes, ...]] = []  # the names from each step on
        first = []
        for segments, mark in paths:
            first.append(len(self._segments))
            self._segments += segments
            self._marks += [None] * (len(segments) - 1) + [mark]
            names = [segment.key for segment in segments]
            self._needed += [tuple(_as_written(names[at:])) for at in range(len(names))]
        self._places: dict[Steps, Place] = {}
        self.first = frozenset(first)

    def place(self, steps: Steps) -> Place:
        """Where names and numbers lead from these steps."""
        found = self._places.get(steps)
        if found is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            found = self._places[steps] = self._built(steps)
        return found

    def _built(self, steps: Steps) -> Place:
        keys = {self._segments[step].key for step in steps}
        items = {key: self._way(steps, key) for key in keys if isinstance(key, int)}
        other_item = self._way(steps, _NO_NUMBER)
        return Place(
            {key.encode(): self._way(steps, key) for key in keys if isinstance(key, str)},
            items,
            self._way(steps, _NO_NAME),
            other_item,
            tuple({self._needed[step] for step in steps}) if self._descends(steps) else (),
            is_counted=bool(items) or other_item[0] is not None,
        )

    def _way(self, steps: Steps, key: str | int) -> Way:
        taken = [step for step in sorted(steps) if self._segments[step].takes(key)]
        marks = [mark for step in taken if (mark := self._marks[step]) is not None]
        below = {step + 1 for step in taken if self._marks[step] is None}
        below.update(step for step in steps if self._segments[step].descends)
        return marks[0] if marks else None, frozenset(below)

    def may_end_in(self, value: bytes | Raw, steps: Steps) -> bool:
        """Whether the names are there that one of these steps still needs. Nearly always one is not."""
        needs = self.place(steps).needs
        if not needs:
            return True
        text = bytes(value)
        return any(all(name in text for name in names) for names in needs)

    def _descends(self, steps: Steps) -> bool:
        return any(self._segments[step].descends for step in steps)


def _as_written(names: Sequence[str | int | None]) -> Iterator[bytes]:
    """Those that can be written in one way only, once ASCII escapes are undone, as all rules have it."""
    for name in names:
        if isinstance(name, str) and name.isascii() and name.isprintable() and not {'"', "\\"} & set(name):
            yield f'"{name}"'.encode()


def replaced(raw: bytes, start: int, end: int, mark: bytes) -> Edit | None:
    """Quotes stay where a string had them and come where it had none; nothing and null stay."""
    if end - start <= _LONGEST_NOTHING and raw[start:end] in _NOTHING:
        return None
    if raw[start] == QUOTE:
        return start + 1, end - (raw[end - 1] == QUOTE and end - 1 > start), mark
    return start, end, b'"' + mark + b'"'
