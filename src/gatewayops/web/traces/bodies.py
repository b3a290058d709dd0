"""What was sent and answered, for reading: a tree of JSON in which masked values stand out, and plain text.

Bodies are others' words and may be as nested and as long as these like, so a tree is bounded.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

MASKED = re.compile(r"\[masked(?::[^\[\]\n]{1,64})?\]|\[card:\*{4}\d{4}\]")
_MOST_NODES = 500
_DEEPEST = 30
_OPEN_TO = 2

Parts = tuple[tuple[str, bool], ...]  # a text in pieces, and whether each was put there by masking


@dataclass(frozen=True, slots=True)
class Node:
    """A value within a tree: `children` of an object or an array, `parts` of what is written out."""

    key: str
    kind: str  # object, array, text, number, word
    size: int = 0
    parts: Parts = ()
    children: tuple["Node", ...] = ()
    left_out: int = 0  # values that the tree has no room for
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """`tree` is None of what is no JSON value, and of nothing. `is_cut`: the record has not all of it."""

    tree: Node | None
    parts: Parts
    plain: str
    is_cut: bool
    bytes: int
    masked: int


def body(value: Any, *, is_cut: bool, size: int) -> Body:  # noqa: ANN401 - any JSON value
    """Of a span's `request` or `response`."""
    is_text = isinstance(value, str)
    plain = "" if value is None else value if is_text else json.dumps(value, indent=2, ensure_ascii=False)
    tree = None if value is None or is_text else _Tree().node("", value, 0)
    return Body(tree, parts_of(plain), plain, is_cut, size, sum(1 for _ in MASKED.finditer(plain)))


def parts_of(text: str) -> Parts:
    """The text in pieces."""
    found: list[tuple[str, bool]] = []
    at = 0
    for match in MASKED.finditer(text):
        if match.start() > at:
            found.append((text[at : match.start()], False))
        found.append((match.group(), True))
        at = match.end()
    if at < len(text):
        found.append((text[at:], False))
    return tuple(found)


class _Tree:
    """Makes nodes until there is no room for more."""

    def __init__(self) -> None:
        self._room = _MOST_NODES

    def node(self, key: str, value: Any, depth: int) -> Node:  # noqa: ANN401 - any JSON value
        self._room -= 1
        if not isinstance(value, dict | list):
            return _leaf(key, value)
        pairs = (
            list(value.items()) if isinstance(value, dict) else [(str(n), one) for n, one in enumerate(value)]
        )
        children: list[Node] = []
        for name, one in pairs:
            if self._room <= 0 or depth >= _DEEPEST:
                break
            children.append(self.node(name, one, depth + 1))
        return Node(
            key,
            "object" if isinstance(value, dict) else "array",
            size=len(pairs),
            children=tuple(children),
            left_out=len(pairs) - len(children),
            is_open=depth <= _OPEN_TO,
        )


def _leaf(key: str, value: Any) -> Node:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return Node(key, "text", parts=parts_of(value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Node(key, "number" if is_number else "word", parts=((json.dumps(value), False),))
