"""Two definitions side by side: line by line, with what changed within a line marked.

Definitions are written by strangers, so a difference that costs too much to work out is not marked, and what
no screen shows is written out.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

_CONTEXT = 3
_MAX_LINES = 3000
_MAX_INDENTED = 1 << 20  # characters: blanks before deeply nested lines are most of what is more
_MAX_STEPS = 2_000_000  # of comparing, a page: some tenths of a second
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # printable, says Python, and yet not seen
_WORDS = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line; marked where the other side differs."""

    text: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a side is None where it has no such line. `skipped` lines that are equal were left out."""

    old: tuple[Piece, ...] | None
    new: tuple[Piece, ...] | None
    is_equal: bool = False
    skipped: int = 0


def shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    """JSON for people: members sorted, for their order means nothing; what cannot be seen spelled out."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    if len(text) > _MAX_INDENTED:
        text = json.dumps(value, indent=0, ensure_ascii=False, sort_keys=True)
    seen = "".join(one if one.isprintable() or one == "\n" else f"\\u{{{ord(one):x}}}" for one in text)
    return _SELECTORS.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", seen)


def side_by_side(old: Any, new: Any) -> list[Line]:  # noqa: ANN401 - any JSON
    """From `old` (None: there was none) to `new`."""
    before = [] if old is None else shown(old).split("\n")
    after = shown(new).split("\n")
    if len(before) + len(after) > _MAX_LINES:
        removed = [Line(_plain("\n".join(before)), None)] if before else []
        return [*removed, Line(None, _plain("\n".join(after)))]  # a row each: they may be 100,000 lines
    found: list[Line] = []
    effort = _Effort()
    for kind, i1, i2, j1, j2 in effort.differences(before, after):
        if kind == "equal":
            found += _equal(before[i1:i2], is_first=i1 == 0, is_last=i2 == len(before))
        else:
            found += _differing(before[i1:i2], after[j1:j2], effort)
    return found


class _Effort:
    """Compares until a page's share is spent; what is left then counts as wholly different.

    Python's matcher looks at every pair of equal parts, again for every match that it has found: few words
    that come often enough keep it busy for minutes.
    """

    def __init__(self) -> None:
        self._left = _MAX_STEPS

    def differences(
        self, before: Sequence[str], after: Sequence[str]
    ) -> list[tuple[str, int, int, int, int]]:
        """As SequenceMatcher.get_opcodes tells them; what both begin and end with takes no effort."""
        least = min(len(before), len(after))
        head = next((at for at in range(least) if before[at] != after[at]), least)
        rest = least - head
        tail = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
        old, new = before[head : len(before) - tail], after[head : len(after) - tail]
        found = [("equal", 0, head, 0, head)] if head else []
        found += [
            (kind, i1 + head, i2 + head, j1 + head, j2 + head)
            for kind, i1, i2, j1, j2 in self._within(old, new)
        ]
        ends = len(before), len(after)
        return [*found, ("equal", ends[0] - tail, ends[0], ends[1] - tail, ends[1])] if tail else found

    def _within(self, old: Sequence[str], new: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
        if not old and not new:
            return []
        counts = Counter(new)
        pairs = sum(counts[part] for part in old)
        steps = (pairs + len(old)) * (1 + min(len(old), len(new), pairs))
        if steps > self._left:
            return [("replace", 0, len(old), 0, len(new))]
        self._left -= steps
        return list(SequenceMatcher(None, old, new, autojunk=False).get_opcodes())


def _equal(lines: list[str], *, is_first: bool, is_last: bool) -> list[Line]:
    head, tail = (0 if is_first else _CONTEXT), (0 if is_last else _CONTEXT)
    rows = [Line(_plain(one), _plain(one), is_equal=True) for one in lines]
    skipped = len(rows) - head - tail
    if skipped <= 1:
        return rows
    return [*rows[:head], Line(None, None, skipped=skipped), *rows[len(rows) - tail :]]


def _differing(before: list[str], after: list[str], effort: _Effort) -> list[Line]:
    rows = []
    for at in range(max(len(before), len(after))):
        old = before[at] if at < len(before) else None
        new = after[at] if at < len(after) else None
        if old is None or new is None:
            rows.append(Line(_side(old), _side(new)))
        else:
            rows.append(_changed(old, new, effort))
    return rows


def _changed(old: str, new: str, effort: _Effort) -> Line:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, i1, i2, j1, j2 in effort.differences(before, after):
        is_marked = kind != "equal"
        if i2 > i1:
            left.append(Piece("".join(before[i1:i2]), is_marked))
        if j2 > j1:
            right.append(Piece("".join(after[j1:j2]), is_marked))
    return Line(tuple(left), tuple(right))


def _plain(text: str) -> tuple[Piece, ...]:
    return (Piece(text, is_marked=False),)


def _side(text: str | None) -> tuple[Piece, ...] | None:
    return None if text is None else _plain(text)
