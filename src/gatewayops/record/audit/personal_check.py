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
            return compare(map(commitments_in, _chunks(lines)), map(values_in, _chunks(beside)))
    except OSError:
        return 0, ["personal.jsonl: cannot be read"]


def compare(commitments: Iterator[list[bytes]], values: Iterator[list[bytes]]) -> tuple[int, list[str]]:
    """How many commitments have no value, and whether any value has no commitment.

    In lists, because as long as nothing was erased, comparing those is all there is to do.
    """
    erased = 0
    wanted: list[bytes] = []
    found: list[bytes] = []
    while (wanted := wanted or _next(commitments)) and (found := found or _next(values)):
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


def commitments_in(lines: bytes) -> list[bytes]:
    """All commitments of some entries, in order."""
    return [part[:_DIGITS] for part in lines.split(_COMMITTED)[1:]]


def values_in(lines: bytes) -> list[bytes]:
    """What whole lines of values are committed to by, in order."""
    if not lines:
        return []
    sha256 = hashlib.sha256
    return [sha256(PERSONAL + line).hexdigest().encode() for line in lines.removesuffix(b"\n").split(b"\n")]


def _next(lists: Iterator[list[bytes]]) -> list[bytes]:
    """The next that is not empty, or an empty one at the end."""
    return next(filter(None, lists), [])


def _chunks(lines: BinaryIO) -> Iterator[bytes]:
    """Whole lines, about a mebibyte at a time."""
    while chunk := lines.read(_CHUNK):
        yield chunk + lines.readline()
