"""Two definitions side by side: line by line, with what changed within a line marked.

Definitions are written by strangers, so a difference that costs too much to work out is not marked, and what
no screen shows is written out.
"""

import json
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

_CONTEXT = 3
_MAX_LINES = 3000
_MAX_WORDS = 2000
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # printable, says Python, and yet not seen
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


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
    seen = "".join(one if one.isprintable() or one == "\n" else f"\\u{{{ord(one):x}}}" for one in text)
    return _SELECTORS.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", seen)


def side_by_side(old: Any, new: Any) -> list[Line]:  # noqa: ANN401 - any JSON
    """From `old` (None: there was none) to `new`."""
    before = [] if old is None else shown(old).split("\n")
    after = shown(new).split("\n")
    if len(before) + len(after) > _MAX_LINES:
        return [Line(_plain(one), None) for one in before] + [Line(None, _plain(one)) for one in after]
    found: list[Line] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            found += _equal(before[i1:i2], is_first=i1 == 0, is_last=i2 == len(before))
        else:
            found += _differing(before[i1:i2], after[j1:j2])
    return found


def _equal(lines: list[str], *, is_first: bool, is_last: bool) -> list[Line]:
    head, tail = (0 if is_first else _CONTEXT), (0 if is_last else _CONTEXT)
    rows = [Line(_plain(one), _plain(one), is_equal=True) for one in lines]
    skipped = len(rows) - head - tail
    if skipped <= 1:
        return rows
    return [*rows[:head], Line(None, None, skipped=skipped), *rows[len(rows) - tail :]]


def _differing(before: list[str], after: list[str]) -> list[Line]:
    rows = []
    for at in range(max(len(before), len(after))):
        old = before[at] if at < len(before) else None
        new = after[at] if at < len(after) else None
        if old is None or new is None:
            rows.append(Line(_side(old), _side(new)))
        else:
            rows.append(_changed(old, new))
    return rows


def _changed(old: str, new: str) -> Line:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if len(before) + len(after) > _MAX_WORDS:
        return Line(_plain(old), _plain(new))
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
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
