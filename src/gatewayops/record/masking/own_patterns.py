"""An organisation's own patterns: RE2 over text, in any depth of JSON's escapes.

Patterns read UTF-8, unlike the built-in rules, so they have a set of their own; an organisation without
patterns never runs it.
"""

from collections.abc import Iterator
from typing import Any

import re2

from gatewayops.record.masking.decoded import first_read
from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import Edit, Pattern, Source

_MOST_HITS = 2000
_MOST_STEPS = 4000  # of RE2's program: `\pL{500}` is too much
_MEMORY = 8 << 20
_SAMPLES = (b"", b"a", b" a1 ", b"a\nb", b'{"a": "b"}')
_LONGEST_SCALAR = 40  # longer ones are no numbers that anybody sends
_SCALAR = frozenset(b"0123456789+-.eEtrufalsn")


class NoPattern(ValueError):
    """What cannot be a rule's pattern; the text says why."""


def parsed(pattern: str) -> Pattern:
    """The pattern, ready to search. Raises NoPattern."""
    try:
        re2.compile(pattern.encode(), _options())  # by itself first: `a)(b` would pass within our brackets
        found: Any = re2.compile(_of_lines(pattern), _options())
    except re2.error as error:
        said = error.args[0] if error.args else b""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        msg = f"not RE2 syntax: {why}"
        raise NoPattern(msg) from error
    if found.programsize > _MOST_STEPS:
        msg = "too large once compiled; make its repetitions smaller"
        raise NoPattern(msg)
    for sample in _SAMPLES:
        if any(match.start() == match.end() for match in found.finditer(sample)):
            msg = "it matches nothing at all, as in `x*`; require at least one character"
            raise NoPattern(msg)
    made: Pattern = found
    return made


class PatternSet:
    """Which of several patterns a payload may match, in one pass a reading."""

    def __init__(self, patterns: list[str], *, first: int) -> None:
        """`first` is the number that the first pattern is called by."""
        self._set = re2.Set.SearchSet(_options())
        for pattern in patterns:
            self._set.Add(_of_lines(pattern))
        self._sentinel = self._set.Add(rb"\z")  # always matches, unless RE2 ran out of memory
        self._set.Compile()
        self._first = first
        self._all = list(range(first, first + len(patterns)))

    def match(self, texts: list[bytes]) -> list[int]:
        """The numbers of those that match one of the `readings` of a payload."""
        found: set[int] = set()
        for text in texts[first_read(texts) :]:
            hits = self._set.Match(text)
            if len(hits) == 1 and hits[0] == self._sentinel:
                continue
            if self._sentinel not in hits:
                return self._all
            found.update(hits)
        found.discard(self._sentinel)
        return sorted(self._first + at for at in found) if found else []


def pattern_rule(name: str, pattern: str) -> Rule:
    """Masks what the pattern matches, whole. Raises NoPattern."""
    exact = parsed(pattern)
    mark = marker(name)

    def find(source: Source) -> Iterator[Edit]:
        hits = 0
        texts = source.readings()
        for depth in range(first_read(texts), len(texts)):
            for match in exact.finditer(texts[depth]):
                start, end = match.start(), match.end()
                if start == end:
                    continue
                first, last = source.written(depth, start, end)
                hits += 1
                if hits > _MOST_HITS:  # a pattern that matches everywhere must not cost more and more
                    yield first, len(source.raw), mark
                    return
                yield _edit(source, first, last, mark)

    return Rule(name, "", find)


def _edit(source: Source, start: int, end: int, mark: bytes) -> Edit:
    """A match within a bare JSON number or word makes a string of it: the JSON stays valid."""
    raw = source.raw
    if not source.is_json or not _SCALAR.issuperset(raw[start:end]) or source.is_in_string(start):
        return start, end, mark
    first, last = start, end
    least, most = max(0, start - _LONGEST_SCALAR), min(len(raw), end + _LONGEST_SCALAR)
    while first > least and raw[first - 1] in _SCALAR:
        first -= 1
    while last < most and raw[last] in _SCALAR:
        last += 1
    return first, last, b'"' + mark + b'"'


def _of_lines(pattern: str) -> bytes:
    return f"(?m:{pattern})".encode()


def _options() -> re2.Options:
    chosen = re2.Options()
    chosen.never_capture = True
    chosen.log_errors = False
    chosen.max_mem = _MEMORY
    return chosen
