"""An entry of the audit log: its canonical text, its hash, and how personal values are committed in it.

Pure, and without a database, so that an export can be verified anywhere. `docs/audit.md` describes the
format.

The text of an entry is one JSON object with its members in a fixed order, empty ones left out. Its hash is
SHA-256(ENTRY ‖ hash of the entry before (32 bytes) ‖ text up to and without the closing brace); an exported
line is the text with the hash as its last member. Personal values (names of actors, addresses, what people
are called) are not in the text: `{"commitment": hex}` stands for them, SHA-256(PERSONAL ‖ line), where the
line is the JSON object of the entry's number, the path, a salt of 16 random bytes and the value. The line
lies beside the entry, and the chain stays whole when it is erased.
"""

import hashlib
import os
from datetime import datetime
from typing import Any

import msgspec

ENTRY = b"gatewayops/audit/entry/1\x00"
PERSONAL = b"gatewayops/audit/personal/1\x00"
NO_HASH = bytes(32)  # stands before the first entry
HASH_TAIL = len(b',"hash":""}') + 64  # what an exported line has behind the hashed text
SALT_BYTES = 16
_LONGEST_VALUE = 2_000  # characters of JSON; what is longer is named by its hash
_LONGEST_TEXT = 500
_TEXTS = ("from", "request_id", "trace_id", "reason", "detail")


class Actor(msgspec.Struct, frozen=True):
    """Who did it: kind is key, user, end_user, anonymous, admin (who sits at the
    machine), system, unknown or many."""

    kind: str
    id: str = ""
    name: str = ""  # personal


class Target(msgspec.Struct, frozen=True):
    """What it was done to; `id` of a tool is `server/tool`."""

    kind: str = ""
    id: str = ""
    name: str = ""
    is_personal: bool = False  # the name is a person's


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that has no place in the chain yet. `count` events happened between `first_at` and `last_at`;
    without them it happens now.

    `personal` names the members of `before` and `after` that are a person's.
    """

    action: str
    actor: Actor
    target: Target = Target()
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    personal: frozenset[str] = frozenset()
    reason: str = ""
    detail: str = ""
    address: str = ""
    request_id: str = ""
    trace_id: str = ""
    count: int = 1
    first_at: datetime | None = None
    last_at: datetime | None = None


class Place(msgspec.Struct, frozen=True):
    """Where an entry stands: its number from 1, its organisation, its time."""

    org_id: str
    seq: int
    at: datetime


class Kept(msgspec.Struct, frozen=True):
    """A personal value beside an entry; `path` says where in the entry it belongs, such as `actor.name`."""

    seq: int
    path: str
    salt: str  # hex
    value: str

    def line(self) -> bytes:
        """As it is committed to and exported, without the line feed."""
        return msgspec.json.encode(self)


class Sealed(msgspec.Struct, frozen=True):
    """An entry's text without its closing brace, and what is kept beside it."""

    body: bytes
    personal: tuple[Kept, ...]


def seal(draft: Draft, place: Place) -> Sealed:
    """The text of an entry at its place, with fresh salts for what is personal."""
    kept: list[Kept] = []

    def commit(path: str, value: str) -> Any:  # noqa: ANN401 - JSON
        if not value:
            return ""
        one = Kept(seq=place.seq, path=path, salt=os.urandom(SALT_BYTES).hex(), value=plain(value))
        kept.append(one)
        return {"commitment": commitment(one.line())}

    def side(name: str, values: dict[str, Any] | None) -> Any:  # noqa: ANN401 - JSON
        if values is None:
            return None
        return {
            field: commit(f"{name}.{field}", str(value)) if field in draft.personal else _bounded(value)
            for field, value in sorted(values.items())
        }

    actor, target = draft.actor, draft.target
    tree = {
        "seq": place.seq,
        "org": place.org_id,
        "at": iso(place.at),
        "action": draft.action,
        "actor": _filled(kind=actor.kind, id=plain(actor.id), name=commit("actor.name", actor.name)),
        "target": _filled(
            kind=target.kind,
            id=plain(target.id),
            name=commit("target.name", target.name) if target.is_personal else plain(target.name),
        ),
        "before": side("before", draft.before),
        "after": side("after", draft.after),
        "from": commit("from", draft.address),
        "request_id": plain(draft.request_id),
        "trace_id": plain(draft.trace_id),
        "reason": draft.reason,
        "detail": plain(draft.detail),
    }
    if draft.first_at is not None:
        last = draft.last_at or draft.first_at
        tree |= {"count": draft.count, "first_at": iso(draft.first_at), "last_at": iso(last)}
    return Sealed(body=msgspec.json.encode(_filled(**tree))[:-1], personal=tuple(kept))


def _filled(**members: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {name: value for name, value in members.items() if value not in ("", None, {})}


def entry_hash(before: bytes, body: bytes) -> bytes:
    """The hash of an entry whose predecessor has the hash `before` (32 bytes)."""
    return hashlib.sha256(ENTRY + before + body).digest()


def line(body: bytes, digest: bytes) -> bytes:
    """The entry as a line of an export, without the line feed."""
    return b'%b,"hash":"%b"}' % (body, digest.hex().encode())


def commitment(line: bytes) -> str:
    """What stands in the entry for a personal value, hex."""
    return hashlib.sha256(PERSONAL + line).hexdigest()


def iso(at: datetime) -> str:
    """UTC with microseconds and `Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(text: str) -> str:
    """Text that every database and every JSON reader takes: bounded, no NUL, no half characters."""
    return (
        text[:_LONGEST_TEXT].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    )


def opened(body: bytes, personal: dict[str, str]) -> dict[str, Any]:
    """The entry with all members and its personal values (by path) in place; what was erased is None.

    A text that somebody changed in the store is shown as `unreadable`: that it is wrong is `verify`'s to say.
    """
    try:
        tree = msgspec.json.decode(body + b"}", type=dict[str, Any])
        msgspec.convert(tree, _Shape)
    except msgspec.MsgspecError:
        tree = {"seq": 0, "org": "", "at": "", "action": "unreadable"}
    for path in _committed(tree):
        part, _, field = path.rpartition(".")
        (tree[part] if part else tree)[field] = personal.get(path)
    at = tree["at"]
    whole = {
        **dict.fromkeys(_TEXTS, ""),
        "before": None,
        "after": None,
        "count": 1,
        "first_at": at,
        "last_at": at,
    }
    party = dict.fromkeys(("kind", "id", "name"), "")
    return whole | tree | {part: party | tree.get(part, {}) for part in ("actor", "target")}


def _committed(tree: dict[str, Any]) -> list[str]:
    found = ["from"] if _is_commitment(tree.get("from")) else []
    for part in ("actor", "target", "before", "after"):
        found += [f"{part}.{field}" for field, value in tree.get(part, {}).items() if _is_commitment(value)]
    return found


class _Shape(msgspec.Struct):
    seq: int
    org: str
    at: str
    action: str
    actor: dict[str, Any] = {}
    target: dict[str, Any] = {}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    count: int = 1


def _is_commitment(value: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(value, dict) and value.keys() == {"commitment"}


def _bounded(value: Any) -> Any:  # noqa: ANN401 - JSON
    raw = msgspec.json.encode(value)
    if len(raw) <= _LONGEST_VALUE:
        return value
    return {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
