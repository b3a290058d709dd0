"""A Merkle tree over entry hashes as RFC 6962 section 2.1 has it, grown leaf by leaf.

Only the frontier is kept: the roots of the perfect trees that the leaves so far make up, largest first.
From it the root follows, and the tree can grow on when the leaves before are gone.
"""

import hashlib
from collections.abc import Iterable, Sequence

_LEAF = b"\x00"
_NODE = b"\x01"
_BYTES = 32
_BLOCK = 256  # a power of two


class Frontier:
    """The tree of `size` leaves."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Empty, or where another left off. Raises ValueError when peaks and size do not belong together."""
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count() or any(len(peak) != _BYTES for peak in self.peaks):
            msg = "a frontier has one hash for each bit that is set in its size"
            raise ValueError(msg)

    @classmethod
    def of_bytes(cls, size: int, packed: bytes) -> "Frontier":
        """What `packed` wrote. Raises ValueError."""
        return cls(size, [packed[at : at + _BYTES] for at in range(0, len(packed), _BYTES)])

    def packed(self) -> bytes:
        """All peaks, 32 bytes each."""
        return b"".join(self.peaks)

    def add(self, entry_hash: bytes) -> None:
        """One more leaf."""
        self._join(hashlib.sha256(_LEAF + entry_hash).digest(), self.size)
        self.size += 1

    def extend(self, entry_hashes: Sequence[bytes]) -> None:
        """Many more leaves. Where they fill a block, its tree is built level by level, which is faster."""
        at = 0
        while at < len(entry_hashes):
            if self.size % _BLOCK or len(entry_hashes) - at < _BLOCK:
                self.add(entry_hashes[at])
                at += 1
            else:
                self._add_block(entry_hashes[at : at + _BLOCK])
                at += _BLOCK

    def _add_block(self, entry_hashes: Sequence[bytes]) -> None:
        sha256 = hashlib.sha256
        level = [sha256(_LEAF + entry_hash).digest() for entry_hash in entry_hashes]
        while len(level) > 1:
            level = [
                sha256(_NODE + left + right).digest()
                for left, right in zip(level[::2], level[1::2], strict=True)
            ]
        self._join(level[0], self.size // _BLOCK)
        self.size += _BLOCK

    def _join(self, node: bytes, rest: int) -> None:
        """Takes the root of a perfect tree in; `rest` is how many of its size there are before."""
        while rest & 1:
            node = hashlib.sha256(_NODE + self.peaks.pop() + node).digest()
            rest >>= 1
        self.peaks.append(node)

    def root(self) -> bytes:
        """MTH of the leaves (RFC 6962)."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        *rest, root = self.peaks
        for peak in reversed(rest):
            root = hashlib.sha256(_NODE + peak + root).digest()
        return root
