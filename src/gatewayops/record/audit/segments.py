"""The fast way to prove an export: parts of it in processes of their own, and one that joins them.

It only says whether all holds. Where it does not, chain_check and personal_check say what is wrong.
"""

import hashlib
import multiprocessing
import os
from binascii import hexlify
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import msgspec

from gatewayops.record.audit.chain_check import PRUNED, Expected, pruned_to
from gatewayops.record.audit.merkle import Frontier
from gatewayops.record.audit.personal_check import commitments_in, compare, values_in
from gatewayops.store.audit_entry import ENTRY, HASH_TAIL

_PART_BYTES = 16 << 20
_MOST_PROCESSES = 8
_NEAR = 1 << 12
_HASH = 32


class _Number(msgspec.Struct):
    seq: int


class _Task(msgspec.Struct, frozen=True):
    """A range of bytes of the entries' file."""

    entries: Path
    personal: Path
    begin: int
    end: int
    log: str
    previous_hash: str  # before the first entry of all, hex


class Part(msgspec.Struct, frozen=True):
    """What a process found: each entry follows from the one before, and the first from `before`."""

    first_seq: int
    before: bytes
    heads: bytes  # the entries' hashes, 32 bytes each
    erased: int
    pruned_to: tuple[int, ...]  # what entries say of retention


def prove(entries: Path, personal: Path, expected: Expected) -> int | None:
    """How many personal values were erased, when everything is as expected; None when anything is not."""
    try:
        joined = _Joined(expected)
    except ValueError:
        return None
    tasks = [
        _Task(entries, personal, *part, expected.log, expected.previous_hash) for part in _split(entries)
    ]
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES, len(tasks))
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        for part in pool.map(_check, tasks):
            if part is None or not joined.takes(part):
                return None
    finally:
        pool.shutdown(cancel_futures=True)
    return joined.erased if joined.is_whole() else None


class _Joined:
    """The parts so far, as one chain and one tree."""

    def __init__(self, expected: Expected) -> None:
        self.erased = 0
        self._expected = expected
        self._head = bytes.fromhex(expected.previous_hash)
        self._tree = Frontier(expected.first_seq - 1, [bytes.fromhex(peak) for peak in expected.frontier])
        self._is_sound = self._is_expected()
        self._pruned_to: set[int] = set()

    def takes(self, part: Part) -> bool:
        """Whether the part goes on where the one before ended, and its checkpoints are met."""
        if part.before != self._head or part.first_seq != self._tree.size + 1:
            return False
        heads = [part.heads[at : at + _HASH] for at in range(0, len(part.heads), _HASH)]
        first, done = self._tree.size, 0
        for size in sorted(size for size in self._expected.states if first < size <= first + len(heads)):
            self._extend(heads[done : size - first])
            self._is_sound = self._is_sound and self._is_expected()
            done = size - first
        self._extend(heads[done:])
        self.erased += part.erased
        self._pruned_to.update(part.pruned_to)
        return self._is_sound

    def is_whole(self) -> bool:
        """Whether nothing is missing at the end."""
        expected = self._expected
        is_at_end = self._tree.size == expected.last_seq and self._head.hex() == expected.head_hash
        is_told = not expected.is_pruned or expected.first_seq - 1 in self._pruned_to
        return self._is_sound and is_at_end and is_told

    def _extend(self, heads: list[bytes]) -> None:
        if heads:
            self._tree.extend(heads)
            self._head = heads[-1]

    def _is_expected(self) -> bool:
        told = self._expected.states.get(self._tree.size, ())
        return all(state == (self._tree.root().hex(), self._head.hex()) for state in told)


def _split(path: Path) -> list[tuple[int, int]]:
    """Ranges of whole lines."""
    size = path.stat().st_size
    cuts = [0]
    with path.open("rb") as file:
        while cuts[-1] + _PART_BYTES < size:
            file.seek(cuts[-1] + _PART_BYTES)
            file.readline()
            cuts.append(file.tell())
    if cuts[-1] < size:
        cuts.append(size)
    return list(pairwise(cuts))


def _check(task: _Task) -> Part | None:
    """In a process of its own. Lean, for a million entries are to take seconds."""
    try:
        with task.entries.open("rb") as file, task.personal.open("rb") as beside:
            before = _hash_before(file, task)
            file.seek(task.begin)
            raw = file.read(task.end - task.begin)
            lines = raw.removesuffix(b"\n").split(b"\n")
            heads = _heads(lines, before)
            first = _seq(lines[0])
            last = b'{"seq":%d,"org":%b,' % (first + len(lines) - 1, msgspec.json.encode(task.log))
            values = _values_of(beside, first, first + len(lines))
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    erased, wrong = compare(iter((commitments_in(raw),)), iter((values_in(values),)))
    if heads is None or wrong or not lines[-1].startswith(last):
        return None
    told = tuple(pruned_to(line) for line in lines if PRUNED in line) if PRUNED in raw else ()
    return Part(first, before, heads, erased, told)


def _heads(lines: list[bytes], before: bytes) -> bytes | None:
    """The hashes of all entries, when they are those that the lines end with; None otherwise."""
    sha256, head = hashlib.sha256, before
    heads = []
    for line in lines:
        head = sha256(ENTRY + head + line[:-HASH_TAIL]).digest()
        heads.append(head)
    found = b"".join(heads)
    tails = hexlify(found, b"\n", _HASH).replace(b"\n", b'"},"hash":"')
    is_told = b',"hash":"%b"}' % tails == b"".join([line[-HASH_TAIL:] for line in lines])
    return found if is_told else None


def _hash_before(file: BinaryIO, task: _Task) -> bytes:
    """What the line before ends with; the manifest knows what stands before the first."""
    if task.begin == 0:
        return bytes.fromhex(task.previous_hash)
    file.seek(task.begin - len(b'"}\n') - 2 * _HASH)
    return bytes.fromhex(file.read(2 * _HASH).decode())


def _seq(line: bytes) -> int:
    return msgspec.json.decode(line, type=_Number).seq


def _values_of(file: BinaryIO, first: int, behind: int) -> bytes:
    """The lines of the values of these entries, which lie in order."""
    begin, end = _offset_of(file, first), _offset_of(file, behind)
    file.seek(begin)
    return file.read(end - begin)


def _offset_of(file: BinaryIO, seq: int) -> int:
    """Where the first line of this entry or a later one begins."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > _NEAR:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        begin = file.tell()
        line = file.readline()
        if line and _seq(line) < seq:
            low = begin
        else:
            high = middle
    file.seek(low)
    while line := file.readline():
        if _seq(line) >= seq:
            return file.tell() - len(line)
    return file.tell()
