"""The walk along an exported chain: every hash, and every Merkle root that was signed.

Lean, for a million entries are to take seconds.
"""

import hashlib
from binascii import hexlify
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from gatewayops.record.audit.merkle import Frontier
from gatewayops.store.audit_entry import ENTRY, entry_hash

_TAIL = 76  # `,"hash":"`, 64 digits, `"}` and the line feed
_HEX = slice(-67, -3)
_CHUNK = 1 << 20
_MOST_FAULTS = 10
_PRUNED = b'"action":"audit.pruned"'


class Expected(msgspec.Struct, frozen=True):
    """What the manifest and the checkpoints say. `states`: roots and heads (hex) by how many entries."""

    log: str
    first_seq: int
    last_seq: int
    previous_hash: str
    head_hash: str
    frontier: tuple[str, ...]
    states: dict[int, list[tuple[str, str]]]
    is_pruned: bool = False  # then the log itself must say so


@dataclass(slots=True)
class Walked:
    """How many lines there were, and what is wrong with them."""

    entries: int = 0
    faults: list[str] = field(default_factory=list)


class _Number(msgspec.Struct):
    seq: int


class _Pruned(msgspec.Struct):
    after: dict[str, int]


def check_chain(path: Path, expected: Expected) -> Walked:
    """Walks the whole file; reads it once."""
    walk = _Walk(expected)
    try:
        with path.open("rb") as file:
            walk.along(file)
    except OSError:
        walk.faults.append(f"{path.name}: cannot be read")
    walk.end()
    return Walked(walk.entries, walk.faults)


class _Walk:
    """The state of a walk."""

    def __init__(self, expected: Expected) -> None:
        self.entries = 0
        self.faults: list[str] = []
        self._expected = expected
        self._states = expected.states
        self._seq = expected.first_seq
        self._head = b""
        self._tree = Frontier()
        self._is_whole = True  # numbers had no gap yet, so that roots mean something
        self._tells_pruning = False
        try:
            self._head = bytes.fromhex(expected.previous_hash)
            peaks = [bytes.fromhex(peak) for peak in expected.frontier]
            self._tree = Frontier(expected.first_seq - 1, peaks)
        except ValueError:
            self._is_whole = False
            self.faults.append("manifest.json: its frontier cannot be")
        self._check_state(expected.first_seq - 1)

    def along(self, file: BinaryIO) -> None:
        """All lines, a mebibyte at a time; only where something is wrong, one by one."""
        lines: list[bytes] = []
        while chunk := file.readlines(_CHUNK):
            lines = chunk
            self.entries += len(lines)
            if not self._takes(lines):
                self._search(lines)
            if self._expected.is_pruned:
                for raw in lines:
                    if _PRUNED in raw:
                        self._note_pruning(raw)
        if lines and not lines[-1].startswith(self._begin(self._seq - 1)):
            self._add(f"entries.jsonl: entry {self._seq - 1}, the last, has another number or log")

    def _takes(self, lines: list[bytes]) -> bool:
        """Whether each line has the hash that follows; then these are taken. Lean: a million times."""
        sha256, head = hashlib.sha256, self._head
        heads = []
        for raw in lines:
            head = sha256(ENTRY + head + raw[:-_TAIL]).digest()
            heads.append(head)
        told = hexlify(b"".join(heads), b"\n", 32).replace(b"\n", b'"}\n,"hash":"')
        if b',"hash":"%b"}\n' % told != b"".join([raw[-_TAIL:] for raw in lines]):
            return False
        first = self._seq
        done = 0
        for size in sorted(size for size in self._states if first <= size < first + len(heads)):
            upto = size - first + 1
            self._tree.extend(heads[done:upto])
            done, self._head = upto, heads[upto - 1]
            self._check_state(size)
        self._tree.extend(heads[done:])
        self._head, self._seq = head, first + len(heads)
        return True

    def _search(self, lines: list[bytes]) -> None:
        """Finds which of these lines is wrong, and goes on behind it."""
        for raw in lines:
            head = entry_hash(self._head, raw[:-_TAIL])
            if b',"hash":"%b"}\n' % hexlify(head) != raw[-_TAIL:]:
                self._seq, head = self._broken(raw, self._seq)
            self._tree.add(head)
            self._head = head
            if self._seq in self._states:
                self._check_state(self._seq)
            self._seq += 1

    def end(self) -> None:
        """What must hold after the last line."""
        expected = self._expected
        if self._seq - 1 != expected.last_seq:
            self._add(
                f"entries.jsonl: ends with entry {self._seq - 1}, the manifest says {expected.last_seq}"
            )
        elif self._head.hex() != expected.head_hash:
            self._add(f"entries.jsonl: the hash of entry {expected.last_seq} is not the manifest's")
        if expected.is_pruned and not self._tells_pruning:
            self._add(
                f"entries.jsonl: begins with entry {expected.first_seq}, but no entry tells that those "
                "before were removed by retention"
            )

    def _begin(self, seq: int) -> bytes:
        return b'{"seq":%d,"org":%b,' % (seq, msgspec.json.encode(self._expected.log))

    def _broken(self, raw: bytes, seq: int) -> tuple[int, bytes]:
        """Says what is wrong with a line, and from where to go on."""
        try:
            found = msgspec.json.decode(raw, type=_Number).seq
            told = bytes.fromhex(raw[_HEX].decode())
        except (msgspec.MsgspecError, ValueError):
            self._add(f"entries.jsonl: what should be entry {seq} is no entry")
            self._is_whole = False
            return seq, bytes(32)
        if found > seq:
            missing = f"entries {seq} to {found - 1} are" if found - seq > 1 else f"entry {seq} is"
            self._add(f"entries.jsonl: {missing} missing before entry {found}")
        elif found < seq:
            self._add(f"entries.jsonl: entry {found} stands where entry {seq} belongs")
        elif not raw.startswith(self._begin(seq)):
            self._add(f"entries.jsonl: entry {seq} is of another log, or not written by GatewayOps")
        else:
            self._add(f"entries.jsonl: entry {seq} was changed, or does not follow from the one before")
        self._is_whole = self._is_whole and found == seq
        return found, told

    def _check_state(self, size: int) -> None:
        if not self._is_whole:
            return
        for root, head in self._states.get(size, ()):
            if root != self._tree.root().hex() or head != self._head.hex():
                self._add(
                    f"entries.jsonl: not the {size} entries that were there when their checkpoint was signed"
                )
                self._is_whole = False

    def _note_pruning(self, raw: bytes) -> None:
        try:
            told = msgspec.json.decode(raw, type=_Pruned).after
        except msgspec.MsgspecError:
            return
        self._tells_pruning |= told.get("pruned_to") == self._expected.first_seq - 1

    def _add(self, fault: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(fault)
