"""What counts as the same definition of a tool: the canonical form and its hash.

Everything in a definition counts, `_meta` and fields that no specification knows included: whatever a
client shows to a model or obeys can carry an attack. The form follows RFC 8785 (no spaces, keys in the
order of UTF-16), except that whole numbers stay exact. What can be read in two ways (a key twice, text
that is no Unicode, numbers that JSON has not) is hashed as the bytes it came in, so that no second
reading hides behind an approved hash.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any

import msgspec

MAX_DEFINITION_BYTES = 256 << 10
MAX_NAME_CHARS = 255
MAX_DEPTH = 64
_SURE_WHOLE = 2**53


class SeenTool(msgspec.Struct, frozen=True):
    """A tool as a server showed it. `hides_text`: not to be trusted on first sight."""

    name: str
    definition: bytes
    hash: str
    hides_text: bool = False


class Ambiguous(ValueError):
    """JSON that two readers may understand differently."""


def definition_hash(raw: bytes) -> str:
    """`sha256:` of the canonical form, `raw-sha256:` of the bytes where there is none."""
    return _hash(bytes(raw))


@lru_cache(maxsize=4096)
def _hash(raw: bytes) -> str:
    try:
        return f"sha256:{hashlib.sha256(canonical(raw)).hexdigest()}"
    except Ambiguous:
        return f"raw-sha256:{hashlib.sha256(raw).hexdigest()}"


def canonical(raw: bytes) -> bytes:
    """The one form of this JSON value; raises Ambiguous."""
    value = read_strictly(raw)
    try:
        text = json.dumps(_ordered(value, 0), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except (ValueError, RecursionError) as error:
        msg = "text that is no Unicode, or a number that JSON has not"
        raise Ambiguous(msg) from error


def read_strictly(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The value of JSON in which no object has a key twice; raises Ambiguous for all else."""
    try:
        return json.loads(raw, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # a bad encoding and bad JSON are ValueErrors
        msg = str(error) if isinstance(error, Ambiguous) else "not JSON"
        raise Ambiguous(msg) from error


def read_loosely(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """As most clients would read it: the last of two keys counts; None when it is no JSON."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def name_of(raw: bytes) -> str:
    """The name in a definition; empty where it has none that can be kept (255 printable characters)."""
    value = read_loosely(raw)
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        return ""
    return name


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        msg = f"the key {twice} is there twice"
        raise Ambiguous(msg)
    return found


def _no_constant(name: str) -> object:
    msg = f"{name} is no JSON"
    raise Ambiguous(msg)


def _ordered(value: Any, depth: int) -> Any:  # noqa: ANN401 - any JSON
    if depth > MAX_DEPTH:
        msg = "nested too deeply"
        raise Ambiguous(msg)
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return {key: _ordered(value[key], depth + 1) for key in keys}
    if isinstance(value, list):
        return [_ordered(item, depth + 1) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _SURE_WHOLE:
        return int(value)
    return value
