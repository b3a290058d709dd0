"""What of a server's answer to tools/list may pass: only the tools whose definitions are the approved ones.

Pure, and the cold half of `pins`: each list is read once and remembered by its hash there.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from gatewayops.policy.pins.definition import definition_hash, name_of

_EMPTY = b'{"tools":[]}'
_object = msgspec.json.Decoder(dict[str, Raw]).decode
_array = msgspec.json.Decoder(list[Raw]).decode


class Listed(msgspec.Struct, frozen=True):
    """One tool of a list; the name is empty where it has none that can be kept."""

    name: str
    definition: bytes
    hash: str


class Passed(msgspec.Struct, frozen=True):
    """The list as it may pass (the very bytes when nothing was taken out), and all that was in it."""

    payload: bytes
    tools: tuple[Listed, ...]


def sift(payload: bytes, may_pass: Callable[[Listed], bool], *, fails_closed: bool) -> Passed:
    """Takes out what may not pass. What cannot be read for sure is, when `fails_closed`, an empty list.

    A list that says `tools` twice, or `Tools` beside it, would mean one thing to us and another to a
    client: it is written anew with the one meaning that was checked.
    """
    try:
        fields = _object(payload)
        listed = _array(fields["tools"]) if "tools" in fields else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Passed(_EMPTY if fails_closed else payload, ())
    tools = [_listed(bytes(raw)) for raw in listed]
    kept = [may_pass(tool) for tool in tools]
    second = [key for key in fields if key != "tools" and key.casefold() == "tools"]
    if all(kept) and not second and not _says_twice(payload):
        return Passed(payload, tuple(tools))
    if not fails_closed and all(kept):
        return Passed(payload, tuple(tools))
    anew: dict[str, Any] = {key: value for key, value in fields.items() if key not in second}
    if "tools" in fields:
        anew["tools"] = [raw for raw, is_kept in zip(listed, kept, strict=True) if is_kept]
    return Passed(msgspec.json.encode(anew), tuple(tools))


def _listed(raw: bytes) -> Listed:
    return Listed(name_of(raw), raw, definition_hash(raw))


def _says_twice(payload: bytes) -> bool:
    """Whether the outermost object has a key twice."""
    last: list[list[tuple[str, Any]]] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        last[:] = [pairs]  # the outermost object ends last

    try:
        json.loads(payload, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return True
    keys = [key for key, _ in last[0]] if last else []
    return len(keys) != len(set(keys))
