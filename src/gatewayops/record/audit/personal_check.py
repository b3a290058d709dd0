"""The personal values of an export: each must be what its entry committed to; erased ones are counted."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gatewayops.store.audit_entry import PERSONAL

_COMMITTED = b'{"commitment":"'
_DIGITS = 64
_CHUNK = 1 << 20


def check_personal(entries: Path, personal: Path) -> tuple[int, list[str]]:
    """How many values were erased, and what is wrong.

    Both files are in the order of the entries, so a value belongs to the next commitment that is its own;
    those passed over were erased.
    """
    try:
        with entries.open("rb") as lines, personal.open("rb") as beside:
            return _compare(_commitments(lines), _values(beside))
    except OSError:
        return 0, ["personal.jsonl: cannot be read"]


def _compare(commitments: Iterator[list[bytes]], values: Iterator[list[bytes]]) -> tuple[int, list[str]]:
    """In lists, because as long as nothing was erased, comparing those is all there is to do."""
    erased = 0
    wanted: list[bytes] = []
    found: list[bytes] = []
    while (wanted := wanted or next(commitments, [])) and (found := found or next(values, [])):
        count = min(len(wanted), len(found))
        met = count
        if wanted[:count] != found[:count]:
            count, met = _one_by_one(wanted, found)
            erased += count - met
        wanted, found = wanted[count:], found[met:]
    erased += len(wanted) + sum(map(len, commitments))
    strays = len(found) + sum(map(len, values))
    return erased, [f"personal.jsonl: no entry committed to {strays} of its values"] if strays else []


def _one_by_one(wanted: list[bytes], found: list[bytes]) -> tuple[int, int]:
    """How many commitments were passed, and how many of them had a value, until one of the lists ends."""
    at = met = 0
    while at < len(wanted) and met < len(found):
        met += wanted[at] == found[met]
        at += 1
    return at, met


def _commitments(lines: BinaryIO) -> Iterator[list[bytes]]:
    for chunk in _chunks(lines):
        found = [part[:_DIGITS] for part in chunk.split(_COMMITTED)[1:]]
        if found:
            yield found


def _values(lines: BinaryIO) -> Iterator[list[bytes]]:
    sha256 = hashlib.sha256
    for chunk in _chunks(lines):
        yield [
            sha256(PERSONAL + line).hexdigest().encode() for line in chunk.removesuffix(b"\n").split(b"\n")
        ]


def _chunks(lines: BinaryIO) -> Iterator[bytes]:
    """Whole lines, about a mebibyte at a time."""
    while chunk := lines.read(_CHUNK):
        yield chunk + lines.readline()
