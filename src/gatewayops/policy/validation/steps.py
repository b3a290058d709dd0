"""Steps of a transformation: set, remove or rename one field of a JSON object, by JSON pointer (RFC 6901).

Only the objects on the way to the field are decoded; everything else stays the bytes it was, so that
numbers keep every digit. Of two members of one name on the way, the last counts and the other is gone.
"""

import re
from typing import Literal, NamedTuple

import msgspec
from msgspec import Raw

from gatewayops.base.errors import InvalidInput
from gatewayops.policy.validation import shape
from gatewayops.store.snapshot import StepRow

MAX_STEPS = 32  # of one transformation, request and response each
MAX_POINTER_CHARS = 512
MAX_POINTER_PARTS = 32
MAX_VALUE_BYTES = 8 << 10
_MAX_VALUE_DEPTH = 32
_MAX_NAME_CHARS = 255

_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_elements = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.Encoder().encode


class Step(NamedTuple):
    """A checked step; `path` is the pointer's parts, one at least."""

    op: Literal["set", "remove", "rename"]
    path: tuple[str, ...]
    to: str
    value: bytes


def step_of(field: str, row: StepRow) -> Step:
    """The step, checked; raises InvalidInput that names the field."""
    path = _pointer(f"{field}.path", row.path)
    match row.op:
        case "set":
            return Step("set", path, "", _value(f"{field}.value", row.value))
        case "remove":
            return Step("remove", path, "", b"")
        case "rename":
            return Step("rename", path, _name(f"{field}.to", row.to), b"")
        case _:
            msg = f"{field}.op: set, remove or rename"
            raise InvalidInput(msg)


def apply(steps: tuple[Step, ...], raw: bytes) -> bytes:
    """The JSON after all steps. A step leaves alone what is not there; set makes it.

    Raises ValueError for what is no JSON.
    """
    try:
        for step in steps:
            raw = _changed(raw, step, 0)
    except (msgspec.DecodeError, RecursionError) as error:
        msg = "not JSON that can be read"
        raise ValueError(msg) from error
    return raw


def _changed(raw: bytes, step: Step, at: int) -> bytes:
    kind = raw.lstrip()[:1]
    if kind == b"{":
        return _changed_object(raw, step, at)
    if kind == b"[":
        return _changed_list(raw, step, at)
    return raw


def _changed_object(raw: bytes, step: Step, at: int) -> bytes:
    members = _members(raw)
    name = step.path[at]
    if step.op == "set" and name not in members:
        members[name] = Raw(b"{}")
    if name not in members:
        pass
    elif at + 1 < len(step.path):
        members[name] = Raw(_changed(bytes(members[name]), step, at + 1))
    elif step.op == "set":
        members[name] = Raw(step.value)
    else:
        gone = members.pop(name)
        if step.op == "rename":
            members[step.to] = gone
    return _encode(members)  # also when nothing changed: a second member of one name must not stay


def _changed_list(raw: bytes, step: Step, at: int) -> bytes:
    elements = _elements(raw)
    part = step.path[at]
    is_last = at + 1 == len(step.path)
    if part == "-" and is_last and step.op == "set":
        return _encode([*elements, Raw(step.value)])
    if not _INDEX.fullmatch(part) or int(part) >= len(elements):
        return raw
    number = int(part)
    if not is_last:
        elements[number] = Raw(_changed(bytes(elements[number]), step, at + 1))
    elif step.op == "set":
        elements[number] = Raw(step.value)
    elif step.op == "remove":
        del elements[number]
    else:  # an element has no name
        return raw
    return _encode(elements)


def _pointer(field: str, text: str) -> tuple[str, ...]:
    if not text.startswith("/") or len(text) > MAX_POINTER_CHARS or _ESCAPE.search(text):
        msg = f"{field}: a JSON pointer such as /options/verbose, with ~1 for / and ~0 for ~ (RFC 6901)"
        raise InvalidInput(msg)
    parts = text.split("/")[1:]
    if len(parts) > MAX_POINTER_PARTS:
        msg = f"{field}: at most {MAX_POINTER_PARTS} parts"
        raise InvalidInput(msg)
    return tuple(_text(field, part.replace("~1", "/").replace("~0", "~")) for part in parts)


def _name(field: str, name: str) -> str:
    if not name or len(name) > _MAX_NAME_CHARS:
        msg = f"{field}: the new name, 1 to {_MAX_NAME_CHARS} characters"
        raise InvalidInput(msg)
    return _text(field, name)


def _text(field: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f"{field}: not Unicode text"
        raise InvalidInput(msg) from error
    return text


def _value(field: str, raw: bytes) -> bytes:
    if not raw or len(raw) > MAX_VALUE_BYTES:
        msg = f"{field}: JSON of at most {MAX_VALUE_BYTES} bytes"
        raise InvalidInput(msg)
    try:
        depth, _ = shape.measure(shape.decode(raw), max_depth=_MAX_VALUE_DEPTH, max_items=MAX_VALUE_BYTES)
    except ValueError as error:
        msg = f"{field}: {error}"
        raise InvalidInput(msg) from error
    if depth > _MAX_VALUE_DEPTH:
        msg = f"{field}: at most {_MAX_VALUE_DEPTH} levels deep"
        raise InvalidInput(msg)
    return raw
