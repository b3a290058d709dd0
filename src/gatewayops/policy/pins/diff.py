"""What differs between two definitions of a tool, and what in a text hides from the eye. Pure.

Shown to the person who approves; so a difference is named by JSON pointer, and characters that no
screen shows are called by name, with the text that tag characters spell.
"""

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import msgspec

from gatewayops.policy.pins.definition import MAX_DEPTH, Ambiguous, canonical, read_loosely

_MAX_CHANGES = 500
_MAX_FLAGS = 100
_FLAG_EMOJI = re.compile(  # England, Scotland, Wales: the only emoji that are spelled with tags
    "\U0001f3f4"
    + "(?:"
    + "|".join("".join(chr(0xE0000 + ord(c)) for c in land) for land in ("gbeng", "gbsct", "gbwls"))
    + ")\U000e007f"
)
_JOINERS = {"\u200c", "\u200d"}  # belong in emoji and in several scripts
_ALLOWED_CONTROLS = {"\n", "\r", "\t"}

_KINDS = (
    (0x200B, 0x200D, "zero-width"),
    (0x200E, 0x200F, "bidirectional"),
    (0x061C, 0x061C, "bidirectional"),
    (0x202A, 0x202E, "bidirectional"),
    (0x2066, 0x2069, "bidirectional"),
    (0x2060, 0x2065, "zero-width"),
    (0x206A, 0x206F, "zero-width"),
    (0xFEFF, 0xFEFF, "zero-width"),
    (0x00AD, 0x00AD, "zero-width"),
    (0x034F, 0x034F, "zero-width"),
    (0x115F, 0x1160, "zero-width"),
    (0x17B4, 0x17B5, "zero-width"),
    (0x180B, 0x180F, "zero-width"),
    (0x3164, 0x3164, "zero-width"),
    (0xFFA0, 0xFFA0, "zero-width"),
    (0xFFF9, 0xFFFB, "zero-width"),
    (0xFE00, 0xFE0E, "variation selector"),  # FE0F is in most emoji
    (0xE0100, 0xE01EF, "variation selector"),
    (0xE0000, 0xE007F, "tag"),
)


class Change(msgspec.Struct, frozen=True):
    """One difference. `before` and `after` are JSON; empty where there is nothing."""

    pointer: str  # RFC 6901
    before: bytes
    after: bytes


class Flag(msgspec.Struct, frozen=True):
    """Something in a definition that a reader would not see. `text` is what it spells, if anything."""

    pointer: str
    kind: str  # zero-width, bidirectional, tag, variation selector, control character, ambiguous
    characters: tuple[str, ...]  # U+200B, at most ten
    text: str = ""


class Difference(msgspec.Struct, frozen=True):
    """From what was approved to what is offered."""

    changes: tuple[Change, ...]
    flags: tuple[Flag, ...]
    is_cut: bool = False  # there was more than is told


def difference(before: bytes | None, after: bytes) -> Difference:
    """All changes, outermost first, and the flags of `after`. Without a `before` the whole is new."""
    old = read_loosely(before) if before is not None else None
    new = read_loosely(after)
    changes = [Change("", b"", _json(new))] if before is None else list(_changes("", old, new))
    found = flags(after)
    is_cut = len(changes) > _MAX_CHANGES or len(found) >= _MAX_FLAGS
    return Difference(tuple(changes[:_MAX_CHANGES]), found, is_cut=is_cut)


def flags(definition: bytes) -> tuple[Flag, ...]:
    """What hides in a definition."""
    found: list[Flag] = []
    try:
        canonical(definition)
    except Ambiguous as error:
        found.append(Flag("", "ambiguous", (), _unicode(str(error))))
    for pointer, text in _texts("", read_loosely(definition)):
        if len(found) >= _MAX_FLAGS:
            break
        found += _flags_of(pointer, text)
    return tuple(found)


def hides_text(definition: bytes) -> bool:
    """Whether it holds text that only a model reads, which nobody does by accident."""
    return any(flag.kind == "tag" for flag in flags(definition))


def readable(definition: bytes) -> bytes:
    """The definition as JSON that every program can show."""
    return _json(read_loosely(definition))


def is_renamed(before: bytes, after: bytes) -> bool:
    """Whether the two differ in their names only."""
    old, new = read_loosely(before), read_loosely(after)
    if not isinstance(old, dict) or not isinstance(new, dict) or old.get("name") == new.get("name"):
        return False
    return {**old, "name": ""} == {**new, "name": ""}


def _changes(pointer: str, old: Any, new: Any) -> Iterator[Change]:  # noqa: ANN401 - any JSON
    before, after = _members(old), _members(new)
    if before is None or after is None or type(old) is not type(new):
        if isinstance(old, bool) is not isinstance(new, bool) or old != new:
            yield Change(pointer, _json(old), _json(new))
        return
    if pointer.count("/") > MAX_DEPTH:
        if old != new:
            yield Change(pointer, _json("nested too deeply"), _json("nested too deeply"))
        return
    for key in (*before, *(key for key in after if key not in before)):
        below = f"{pointer}/{_escaped(key)}"
        if key not in after:
            yield Change(below, _json(before[key]), b"")
        elif key not in before:
            yield Change(below, b"", _json(after[key]))
        else:
            yield from _changes(below, before[key], after[key])


def _members(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return {str(number): item for number, item in enumerate(value)}
    return value if isinstance(value, dict) else None


def _texts(pointer: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    if pointer.count("/") > MAX_DEPTH:
        return
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, below in value.items():
            here = f"{pointer}/{_escaped(key)}"
            yield here, key
            yield from _texts(here, below)
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from _texts(f"{pointer}/{number}", below)


def _flags_of(pointer: str, text: str) -> Iterator[Flag]:
    if text.isascii() and text.isprintable():
        return
    text = _FLAG_EMOJI.sub("", text)
    found: dict[str, list[str]] = {}
    for number, char in enumerate(text):
        kind = _kind(char)
        if kind and not (char in _JOINERS and _joins(text, number)):
            found.setdefault(kind, []).append(char)
    for kind, chars in found.items():
        spelled = "".join(chr(ord(char) - 0xE0000) for char in chars) if kind == "tag" else ""
        shown = "".join(char for char in spelled if char.isprintable())
        codes = tuple(dict.fromkeys(f"U+{ord(char):04X}" for char in chars))
        yield Flag(pointer, kind, codes[:10], shown[:1000])


def _kind(char: str) -> str:
    code = ord(char)
    if code < 0x20 or 0x7F <= code <= 0x9F:  # C0, DEL, C1
        return "" if char in _ALLOWED_CONTROLS else "control character"
    for first, last, kind in _KINDS:
        if first <= code <= last:
            return kind
    return ""


def _joins(text: str, number: int) -> bool:
    """Whether a joiner stands where it belongs: between two that are no ASCII, such as parts of an emoji."""
    around = text[max(0, number - 1) : number] + text[number + 1 : number + 2]
    return len(around) == 2 and all(
        ord(char) > 0x7F and unicodedata.category(char) != "Cf" for char in around
    )


def _escaped(key: str) -> str:
    return _unicode(key).replace("~", "~0").replace("/", "~1")


def _unicode(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _json(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(_showable(value, 0), ensure_ascii=False).encode()


def _showable(value: Any, depth: int) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return _unicode(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | dict) and depth > MAX_DEPTH:
        return "nested too deeply"
    if isinstance(value, dict):
        return {_unicode(key): _showable(item, depth + 1) for key, item in value.items()}
    return [_showable(item, depth + 1) for item in value] if isinstance(value, list) else value
