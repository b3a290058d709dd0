"""The shape of decoded JSON: how deep, how many items, whether a key is given twice.

All of it is bounded by the caller's limits and free of recursion, so that no nesting can end the process.
"""

import json
from typing import Any

import msgspec

_BLANKS = b" \n\t\r"
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def decode(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The JSON value, strictly: no NaN, no lone surrogates, UTF-8 only. Raises ValueError for others."""
    try:
        return _decode(raw)
    except RecursionError as error:
        msg = "nested too deep"
        raise ValueError(msg) from error
    except msgspec.DecodeError as error:  # of a position at most, never of content
        msg = "not JSON that can be read"
        raise ValueError(msg) from error


def measure(value: Any, *, max_depth: int, max_items: int) -> tuple[int, int]:  # noqa: ANN401 - any JSON
    """Depth (a bare scalar has 0) and items at all levels; counting ends just above a limit."""
    depth = items = 0
    level = [value]
    while level:
        containers = [part for part in level if isinstance(part, dict | list)]
        if not containers:
            break
        depth += 1
        items += sum(map(len, containers))
        if depth > max_depth or items > max_items:
            break
        level = []
        for part in containers:
            level.extend(part.values() if isinstance(part, dict) else part)
    return depth, items


def has_duplicates(raw: bytes, value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether an object in `raw`, which decodes to `value`, has a key twice.

    Then we and the server may read different objects. Decoding keeps the last of two, so what encodes to
    the same again, blanks aside, had none. Else members are counted: in compact JSON without escapes each
    has one `":`, and a value that begins with a colon has one before and after.
    """
    try:
        encoded = _encode(value)
    except OverflowError:  # a whole number of more than 64 bits
        return _has_duplicates(raw)
    if encoded == raw or encoded.translate(None, _BLANKS) == raw.translate(None, _BLANKS):
        return False
    if b"\\" in raw:
        return _has_duplicates(raw)
    return msgspec.json.format(raw, indent=-1).count(b'":') != encoded.count(b'":')


def _has_duplicates(raw: bytes) -> bool:
    found: list[bool] = []

    def see(members: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in members}) < len(members):
            found.append(True)

    json.loads(raw, object_pairs_hook=see)
    return bool(found)


def strings(value: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """All texts in a value: strings, and the names of members."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, dict):
            found.extend(part)
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return found


def path_to(value: Any, text: str) -> list[str | int]:  # noqa: ANN401 - any JSON
    """Where in `value` the text is first found, as a string or as a member's name; for a refusal's detail."""
    waiting: list[tuple[Any, list[str | int]]] = [(value, [])]
    while waiting:
        part, path = waiting.pop()
        if part == text:
            return path
        if isinstance(part, dict):
            if text in part:
                return path
            waiting.extend((inner, [*path, name]) for name, inner in part.items())
        elif isinstance(part, list):
            waiting.extend((inner, [*path, number]) for number, inner in enumerate(part))
    return []
