"""JSON paths: the part of RFC 9535 that names places, and a walk over a payload that finds them.

`$.a.b[*].c`, `$..name`, `$['a b'][0]`. No filters, slices, unions or places counted from the end. The walk
reads brackets and strings only, so it works on a payload that was cut, and finds a name given twice twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from gatewayops.record.masking.names_written import name_pattern
from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import BACKSLASH, Edit, Source, quote_level

_MOST_SEGMENTS = 16
_SEGMENT = re.compile(
    r"""(?P<descends>\.\.)?(?(descends)|\.)(?P<name>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*|\*)
    |(?P<below>\.\.)?\[\s*(?:(?P<index>0|[1-9][0-9]{0,8})|(?P<any>\*)|'(?P<single>[^'\\]+)'|"(?P<double>[^"\\]+)")\s*\]""",
    re.VERBOSE,
)
_SIGN = re.compile(rb'["{}\[\],:]')  # one character: nothing to backtrack, and quicker here than RE2
_NOTHING = (b"", b"null", b'""')


class NoPath(ValueError):
    """What is no path of this kind; the text says why."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One step: a member's name, an item's number, or None for any; `descends` at any depth below."""

    key: str | int | None
    descends: bool = False

    def takes(self, key: str | int) -> bool:
        """Whether this step leads there."""
        return self.key is None or self.key == key


def parsed(path: str) -> tuple[Segment, ...]:
    """The steps behind `$`. Raises NoPath."""
    if not path.startswith("$"):
        raise NoPath("a path begins with $, the whole body: $.customer.name")
    found: list[Segment] = []
    at = 1
    while at < len(path):
        match = _SEGMENT.match(path, at)
        if match is None:
            msg = f"cannot read {path[at : at + 20]!r}: steps are .name, ['name'], [0], [*]; .. is any depth"
            raise NoPath(msg)
        found.append(_segment(match))
        at = match.end()
    if not any(isinstance(segment.key, str) for segment in found):
        raise NoPath("a path names at least one member, or it would mask everything")
    if len(found) > _MOST_SEGMENTS:
        msg = f"at most {_MOST_SEGMENTS} steps"
        raise NoPath(msg)
    return tuple(found)


def path_rule(name: str, path: str) -> Rule:
    """Masks every value at the path. Raises NoPath."""
    segments = parsed(path)
    last = next(segment.key for segment in reversed(segments) if isinstance(segment.key, str))
    mark = marker(name)

    def find(source: Source) -> Iterator[Edit]:
        for start, end in _Walk(source.raw, segments).places():
            if source.raw[start:end].strip() in _NOTHING:
                continue
            if source.raw[start] == 0x22:
                last = end - 1 if source.raw[end - 1] == 0x22 and end - 1 > start else end
                yield start + 1, last, mark
            else:
                yield start, end, b'"' + mark + b'"'

    return Rule(name, rf'"{name_pattern(last, ignores_case=False)}"\s*:', find)


def _segment(match: re.Match[str]) -> Segment:
    descends = bool(match["descends"] or match["below"])
    if match["index"]:
        return Segment(int(match["index"]), descends)
    key = match["name"] or match["single"] or match["double"] or "*"
    return Segment(None if match["any"] or match["name"] == "*" else key, descends)


@dataclass(slots=True)
class _Container:
    """An object or array that the walk is in, and which steps may come next in it."""

    steps: frozenset[int]
    is_object: bool
    key: str | int = ""
    value_from: int = -1  # behind the colon, or the comma of an array; -1 where no value is expected


def _tokens(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """Start, end and first byte of each string and each sign of structure."""
    at = 0
    while (match := _SIGN.search(raw, at)) is not None:
        start = match.start()
        code = raw[start]
        at = start + 1
        if code == 0x22:
            at = _string_end(raw, at)
        yield start, at, code


def _string_end(raw: bytes, start: int) -> int:
    """Behind the quote that ends a string; a string that was cut reaches to the end."""
    at = raw.find(b'"', start)
    while at >= 0:
        if raw[at - 1] != BACKSLASH or quote_level(raw, at, start) == 0:
            return at + 1
        at = raw.find(b'"', at + 1)
    return len(raw)


class _Walk:
    """One walk for one path over one payload."""

    def __init__(self, raw: bytes, segments: tuple[Segment, ...]) -> None:
        self._raw = raw
        self._segments = segments
        self._stack: list[_Container] = []
        self._tokens = _tokens(raw)

    def places(self) -> Iterator[tuple[int, int]]:
        """Start and end of each value at the path, quotes and brackets included."""
        for start, end, code in self._tokens:
            place = self._take(start, end, code)
            if place is not None:
                yield place
        if self._stack:
            place = self._bare(len(self._raw))  # a number that the cut went through
            if place is not None:
                yield place

    def _take(self, start: int, end: int, code: int) -> tuple[int, int] | None:
        if not self._stack:
            if code in b"{[":
                self._open(frozenset((0,)), end, code)
            return None
        top = self._stack[-1]
        match code:
            case 0x22:
                return self._string(top, start, end)
            case 0x7B | 0x5B:
                return self._bracket(top, start, end)
            case 0x3A:
                top.value_from = end
            case 0x2C:
                place = self._bare(start)
                self._next(top, end)
                return place
            case _:
                place = self._bare(start)
                self._stack.pop()
                return place
        return None

    def _string(self, top: _Container, start: int, end: int) -> tuple[int, int] | None:
        if top.value_from < 0:
            top.key = self._name(start, end) if top.steps else ""
            return None
        top.value_from = -1
        return (start, end) if self._is_there(top) else None

    def _bracket(self, top: _Container, start: int, end: int) -> tuple[int, int] | None:
        top.value_from = -1
        if self._is_there(top):
            return start, self._skip()
        self._open(self._below(top), end, self._raw[start])
        return None

    def _bare(self, end: int) -> tuple[int, int] | None:
        """A number or word that ends in front of `end`."""
        top = self._stack[-1]
        start, top.value_from = top.value_from, -1
        if start < 0 or not self._is_there(top):
            return None
        text = self._raw[start:end]
        start += len(text) - len(text.lstrip())
        return (start, start + len(text.strip())) if text.strip() else None

    def _skip(self) -> int:
        """Goes to behind the bracket that closes the one at hand."""
        depth = 1
        for _, end, code in self._tokens:
            depth += (code in b"{[") - (code in b"}]")
            if not depth:
                return end
        return len(self._raw)

    def _open(self, steps: frozenset[int], end: int, code: int) -> None:
        if not steps:
            self._skip()
            return
        is_object = code == 0x7B
        self._stack.append(_Container(steps, is_object, "" if is_object else 0, -1 if is_object else end))

    def _next(self, top: _Container, end: int) -> None:
        if isinstance(top.key, int) and not top.is_object:
            top.key += 1
            top.value_from = end

    def _is_there(self, top: _Container) -> bool:
        last = len(self._segments) - 1
        return last in top.steps and self._segments[last].takes(top.key)

    def _below(self, top: _Container) -> frozenset[int]:
        """Which steps may come next within the value that is at hand."""
        found = {step + 1 for step in top.steps if self._segments[step].takes(top.key)}
        found.update(step for step in top.steps if self._segments[step].descends)
        found.discard(len(self._segments))
        return frozenset(found)

    def _name(self, start: int, end: int) -> str:
        raw = self._raw[start:end]
        if b"\\" in raw:
            try:
                return msgspec.json.decode(raw, type=str)
            except msgspec.DecodeError:
                return ""
        return raw[1:-1].decode("utf-8", "replace")
