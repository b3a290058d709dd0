r"""A payload as those who wrote it meant it: JSON's escapes undone, once for each depth of nesting.

An organisation's own patterns must find `José` in `Jos\u00e9`, and a word behind `\n` whose `n` is no
letter of it. So they look at the bytes as they came and at each reading of them; what they find there is
mapped back to the bytes.
"""

import re
from bisect import bisect_right

_MOST_DEPTH = 4
BACKSLASH = 0x5C
_SIMPLE = {
    0x22: b'"',
    0x2F: b"/",
    0x62: b"\b",
    0x66: b"\f",
    0x6E: b"\n",
    0x72: b"\r",
    0x74: b"\t",
    0x5C: b"\\",
}
_THEMSELVES = (0x22, 0x2F)
_OTHERS = {bytes((code,)): char for code, char in _SIMPLE.items() if code not in (*_THEMSELVES, BACKSLASH)}
_KNOWN = frozenset(_OTHERS) | {bytes((code,)) for code in _THEMSELVES}
_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{4}|[\"\\/bfnrt])")  # it has one way to match: nothing to backtrack

Token = tuple[int, int, int, int]
"""Where an escape is read: from, to; and where it is written: from, to."""


def undone(raw: bytes) -> bytes:
    """`raw` with its escapes undone once; the same bytes when it holds none."""
    escapes = raw.count(b"\\")
    if not escapes:
        return raw
    if escapes == raw.count(b'\\"'):  # as in nearly all JSON within JSON
        return raw.replace(b"\\", b"")
    parts = raw.split(b"\\")
    kinds = {part[:1] for part in parts[1:]}
    if b"u" in kinds:
        return _undone_one_by_one(parts)
    for kind in kinds & _OTHERS.keys():
        escape, char = b"\\" + kind, _OTHERS[kind]
        if b"" in kinds:  # escaped backslashes: what is behind one is no escape
            raw = b"\\\\".join([piece.replace(escape, char) for piece in raw.split(b"\\\\")])
        else:
            raw = raw.replace(escape, char)
    if kinds <= _KNOWN:
        return raw.replace(b"\\", b"")
    pieces = [piece.replace(b'\\"', b'"').replace(b"\\/", b"/") for piece in raw.split(b"\\\\")]
    return b"\\".join(pieces)


def _undone_one_by_one(parts: list[bytes]) -> bytes:
    first, *parts = parts
    out = [first]
    at = 0
    while at < len(parts):
        part = parts[at]
        at += 1
        char = _SIMPLE.get(part[0]) if part else None
        if char is not None:
            out += (char, part[1:])
        elif not part and at < len(parts):
            out += (b"\\", parts[at])  # an escaped backslash
            at += 1
        elif part[:1] == b"u":
            char, used = _character(part[1:], parts[at][1:] if _is_next(parts, at, part) else b"")
            out += (char, parts[at][5:] if used == 2 else part[5:]) if used else (b"\\", part)
            at += used == 2
        else:
            out += (b"\\", part)
    return b"".join(out)


def readings(raw: bytes) -> list[bytes]:
    """`raw` itself, then what it reads as with one more depth of escapes undone, as long as it changes."""
    found = [raw]
    while len(found) <= _MOST_DEPTH:
        deeper = undone(found[-1])
        if deeper == found[-1]:
            break
        found.append(deeper)
    return found


def first_read(found: list[bytes]) -> int:
    """Which reading to begin with: JSON with escapes as it is written says nothing that the next does not."""
    return 1 if len(found) > 1 and found[0][:1] in (b"{", b"[") else 0


class Places:
    """Maps places of `undone(raw)` back to `raw`."""

    def __init__(self, raw: bytes) -> None:
        """Walks over the escapes once."""
        self._read_from: list[int] = []
        self._tokens: list[Token] = []
        if b"\\u" in raw:
            self._tokens = _tokens(raw)
            self._read_from = [token[0] for token in self._tokens]
        else:  # each takes two bytes for one
            starts = [match.start() for match in _ESCAPE.finditer(raw)]
            self._read_from = [start - number for number, start in enumerate(starts)]

    def back(self, start: int, end: int) -> tuple[int, int]:
        """The span of `raw` that reads as `start` to `end`; whole escapes, never part of one."""
        return self._back(start, is_end=False), self._back(end, is_end=True)

    def _back(self, at: int, *, is_end: bool) -> int:
        number = bisect_right(self._read_from, at) - 1
        if number < 0:
            return at
        if not self._tokens:
            return at + number + (at > self._read_from[number])
        read_from, read_to, written_from, written_to = self._tokens[number]
        if at == read_from:
            return written_from
        if at < read_to:
            return written_to if is_end else written_from
        return written_to + at - read_to


def _is_next(parts: list[bytes], at: int, part: bytes) -> bool:
    r"""Whether another `\uXXXX` follows this one directly."""
    return len(part) == 5 and at < len(parts) and parts[at][:1] == b"u"


def _character(part: bytes, low: bytes) -> tuple[bytes, int]:
    """The character that the digits say, and how many escapes it took: none for what is no character."""
    code = _code(part)
    if code is None:
        return b"", 0
    if not 0xD800 <= code <= 0xDFFF:
        return chr(code).encode(), 1
    second = _code(low)
    if code <= 0xDBFF and second is not None and 0xDC00 <= second <= 0xDFFF:
        return chr(0x10000 + ((code - 0xD800) << 10) + second - 0xDC00).encode(), 2
    return b"", 0


def _code(digits: bytes) -> int | None:
    if len(digits) < 4 or digits[:4].strip(b"0123456789abcdefABCDEF"):
        return None
    return int(digits[:4], 16)


def _tokens(raw: bytes) -> list[Token]:
    matches = [(match.start(), match.end()) for match in _ESCAPE.finditer(raw)]
    found: list[Token] = []
    shift = 0  # how much shorter the reading is so far
    at = 0
    while at < len(matches):
        start, end = matches[at]
        at += 1
        char = _SIMPLE.get(raw[start + 1])
        if char is None:
            is_next = at < len(matches) and matches[at][0] == end
            char, used = _character(raw[start + 2 : end], raw[end + 2 : matches[at][1]] if is_next else b"")
            if not used:
                continue
            if used == 2:
                end = matches[at][1]
                at += 1
        found.append((start - shift, start - shift + len(char), start, end))
        shift += end - start - len(char)
    return found
