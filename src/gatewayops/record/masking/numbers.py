"""Numbers that are secrets: payment cards (the last four digits stay) and US social security numbers.

A card is told from an order number by its brand's first digits, its length, its grouping and the
Luhn check. A bare JSON number becomes a string, so that the JSON stays valid.
"""

from collections.abc import Iterator

from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import Edit, Source, behind_escape, compiled, quote_level

_SEPARATOR = "(?:[ +-]|%20)"
_DIGITS = compiled(rf"[0-9](?:{_SEPARATOR}?[0-9]){{12,}}")
_GROUP = compiled("[0-9]+")
_SSN = compiled(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_AFTER_KEY = compiled(r"\"\s*:\s*$")
_FRACTION = compiled(r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\s*(?:[,}\]\\]|$)")

_GROUPED = ((4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (4, 4, 5), (4, 4, 4, 4, 2), (4, 4, 4, 1))
_MOST_GROUPS = max(len(shape) for shape in _GROUPED)
# First digits (as a range of their leading ones) and the lengths that the brand issues.
_BRANDS = (
    ("4", "4", (13, 16, 19)),
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("300", "305", (14, 16)),
    ("36", "36", (14, 16)),
    ("38", "39", (14, 16)),
    ("3528", "3589", (16, 17, 18, 19)),
    ("6011", "6011", (16, 19)),
    ("644", "649", (16, 19)),
    ("65", "65", (16, 19)),
    ("60", "60", (16,)),
    ("62", "62", (16, 17, 18, 19)),
    ("2200", "2204", (16, 17, 18, 19)),
    ("5018", "5018", (13, 14, 15, 16, 17, 18, 19)),
    ("5020", "5020", (13, 14, 15, 16, 17, 18, 19)),
    ("5038", "5038", (13, 14, 15, 16, 17, 18, 19)),
    ("56", "58", (16, 18, 19)),
    ("6304", "6304", (13, 14, 15, 16, 17, 18, 19)),
    ("67", "67", (16, 18, 19)),
)


def passes_luhn(digits: bytes) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, code in enumerate(reversed(digits)):
        digit = code - 0x30
        if place & 1:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit
    return total % 10 == 0


def is_card(digits: bytes, *, is_grouped: bool) -> bool:
    """Whether this is a card's number. Grouped as cards are, any brand will do."""
    if not 13 <= len(digits) <= 19 or not 0x32 <= digits[0] <= 0x36 or not passes_luhn(digits):
        return False
    text = digits.decode()
    return is_grouped or any(
        first <= text[: len(first)] <= last and len(digits) in lengths for first, last, lengths in _BRANDS
    )


def _cards_in(raw: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and digits of each card in a run of digits and separators."""
    groups = [(match.start(), match.end()) for match in _GROUP.finditer(raw[:end], start)]
    at = 0
    while at < len(groups):
        used = 1
        for size in _sizes(groups, at):
            chosen = groups[at : at + size]
            if size > 1 and tuple(last - first for first, last in chosen) not in _GROUPED:
                continue
            digits = b"".join(raw[first:last] for first, last in chosen)
            if is_card(digits, is_grouped=size > 1):
                yield chosen[0][0], chosen[-1][1], digits
                used = size
                break
        at += used


def _sizes(groups: list[tuple[int, int]], at: int) -> tuple[int, ...]:
    """How many groups from here may form a card: several when the first has four digits, else itself."""
    start, end = groups[at]
    if end - start == 4:
        return tuple(range(min(_MOST_GROUPS, len(groups) - at), 2, -1))
    return (1,) if 13 <= end - start <= 19 else ()


def _as_value(source: Source, start: int, end: int) -> tuple[int, int, bytes]:
    """What to replace for the digits at `start`, and the quote (perhaps escaped) that it then needs.

    A JSON number is replaced whole, sign and fraction too, by a string.
    """
    raw = source.raw
    fraction = _FRACTION.match(raw, end)
    if fraction is None:
        return start, end, b""
    first = start - 1 if raw[start - 1 : start] == b"-" else start
    last = end + len(fraction.group().rstrip(b" \t\r\n,}]\\"))
    if source.is_json and not source.is_in_string(start):
        return first, last, b'"'
    before = raw[max(0, first - 40) : first]
    key = _AFTER_KEY.search(before)
    level = quote_level(raw, first - len(before) + key.start()) if key is not None else 0
    if key is not None and (level or not source.is_json):
        return first, last, b"\\" * level + b'"'
    return start, end, b""


def _find_cards(source: Source) -> Iterator[Edit]:
    raw = source.raw
    for match in _DIGITS.finditer(raw):
        start = behind_escape(raw, match.start())
        if raw[start - 1 : start] == b"." and raw[start - 2 : start - 1].isdigit():
            continue
        for at, end, digits in _cards_in(raw, start, match.end()):
            first, last, quote = _as_value(source, at, end)
            yield first, last, quote + b"[card:****" + digits[-4:] + b"]" + quote


def _find_ssns(source: Source) -> Iterator[Edit]:
    raw = source.raw
    for match in _SSN.finditer(raw):
        area, group, serial = match.group().split(b"-")
        is_issued = area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"
        is_behind_escape = behind_escape(raw, max(0, match.start() - 1)) == match.start()
        before = b"" if is_behind_escape else raw[max(0, match.start() - 2) : match.start()]
        after = raw[match.end() : match.end() + 2]
        is_longer = before[-1:].isdigit() or after[:1].isdigit()
        is_longer |= before[-1:] == b"-" and before[:1].isdigit()
        is_longer |= after[:1] == b"-" and after[1:].isdigit()
        if is_issued and not is_longer:
            yield match.start(), match.end(), marker("ssn")


RULES: tuple[Rule, ...] = (
    Rule(
        "card",
        rf"(?:^|[^0-9.]|[^0-9]\.|\\u[0-9A-Fa-f]{{4}}|%[0-9A-Fa-f]{{2}})[2-6][0-9]{{3}}{_SEPARATOR}?[0-9]{{4,6}}{_SEPARATOR}?[0-9]{{4}}",
        _find_cards,
    ),
    Rule("ssn", r"[0-9]{3}-[0-9]{2}-[0-9]{4}", _find_ssns),
)
