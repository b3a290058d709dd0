"""The walk along an exported chain, which says what is wrong with it: every hash, every signed Merkle root.

Where nothing is wrong, `segments` has found that out faster.
"""

from binascii import hexlify
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gatewayops.record.audit.merkle import Frontier
from gatewayops.store.audit_entry import HASH_TAIL, entry_hash

_TAIL = HASH_TAIL + 1  # with the line feed
_HEX = slice(-67, -3)
_MOST_FAULTS = 10
PRUNED = b'"action":"audit.pruned"'


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


class _After(msgspec.Struct, frozen=True):
    pruned_to: int = 0


class _Pruned(msgspec.Struct, frozen=True):
    after: _After = _After()


def pruned_to(line: bytes) -> int:
    """Up to which entry this one tells that retention removed; 0 when it does not."""
    try:
        return msgspec.json.decode(line, type=_Pruned).after.pruned_to
    except msgspec.MsgspecError:
        return 0


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

    def along(self, lines: Iterable[bytes]) -> None:
        """All lines; those behind a wrong one too."""
        raw = b""
        for raw in lines:
            head = entry_hash(self._head, raw[:-_TAIL])
            if b',"hash":"%b"}\n' % hexlify(head) != raw[-_TAIL:]:
                self._seq, head = self._broken(raw, self._seq)
            self._tree.add(head)
            self._head = head
            self._check_state(self._seq)
            if PRUNED in raw:
                self._tells_pruning |= pruned_to(raw) == self._expected.first_seq - 1
            self._seq += 1
            self.entries += 1
        if raw and not raw.startswith(self._begin(self._seq - 1)):
            self._add(f"entries.jsonl: entry {self._seq - 1}, the last, has another number or log")

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
        for root, head in self._expected.states.get(size, ()):
            if root != self._tree.root().hex() or head != self._head.hex():
                self._add(
                    f"entries.jsonl: not the {size} entries that were there when their checkpoint was signed"
                )
                self._is_whole = False

    def _add(self, fault: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(fault)
