"""The keyring: an organisation's data keys in memory, sealing and opening in place of one key for all.

A sealed value begins with `gwo`, a format number and the id of its data key, and all of that is bound into
it. What begins otherwise was sealed by `secrets/seal.key` alone, as the first version did, and still opens.
"""

import asyncio
import logging
import os
from collections.abc import Iterable

from gatewayops.base.crypto import SealBroken, Sealer
from gatewayops.base.errors import GatewayOpsError
from gatewayops.base.ids import new_id
from gatewayops.store.secrets.master import Masters, Wrapped
from gatewayops.store.snapshot import DataKeyRow

log = logging.getLogger(__name__)

_MAGIC = b"gwo\x01"
_KEY_BYTES = 32


class Keyring:
    """Opens at any time what it has learned of; learning asks the provider of the master key."""

    def __init__(self, masters: Masters, *, before: Sealer) -> None:
        """`before` opens what was sealed without a data key."""
        self.masters = masters
        self._before = before
        self._sealers: dict[str, Sealer] = {}
        self.missing: tuple[str, ...] = ()  # what the last learning could not open: worth trying again

    def knows(self, key_id: str) -> bool:
        """Whether values of this data key open now."""
        return key_id in self._sealers

    def seal(self, plain: bytes, *, key_id: str, bound_to: bytes) -> bytes:
        """Under a data key that is known."""
        head = _head(key_id)
        return head + self._sealers[key_id].seal(plain, bound_to=head + bound_to)

    def open(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """The plain bytes; raises SealBroken, also while the data key is not known."""
        key_id = key_of(sealed)
        sealer = self._sealers.get(key_id)
        if sealer is not None:
            head = _head(key_id)
            return sealer.open(sealed[len(head) :], bound_to=head + bound_to)
        try:
            return self._before.open(sealed, bound_to=bound_to)
        except SealBroken as error:
            if not key_id:
                raise
            msg = f"the data key {key_id} is not known here; is its master key within reach?"
            raise SealBroken(msg) from error

    def learn(self, rows: Iterable[DataKeyRow]) -> tuple[str, ...]:
        """Unwraps the keys that are new to it, which may block; gives back the ids of those it could not.

        A key that was wrapped anew is the same key, so rotation asks nobody here.
        """
        missing: list[str] = []
        for row in rows:
            if row.id in self._sealers:
                continue
            try:
                self._sealers[row.id] = Sealer(self._unwrapped(row))
            except (GatewayOpsError, ValueError) as error:
                log.warning("the data key %s of %s does not open: %s", row.id, row.org_id, error)
                missing.append(row.id)
        self.missing = tuple(missing)
        return self.missing

    async def learn_all(self, rows: Iterable[DataKeyRow]) -> tuple[str, ...]:
        """As `learn`, in a thread if anybody has to be asked."""
        new = [row for row in rows if row.id not in self._sealers]
        return await asyncio.to_thread(self.learn, new) if new else ()

    def new_key(self, org_id: str) -> DataKeyRow:
        """A new data key, wrapped, and known from now on. Blocks. Raises MasterKeyUnavailable."""
        key_id, key = new_id("dk"), os.urandom(_KEY_BYTES)
        wrapped = self.masters.wrap(key, place=_place(org_id, key_id))
        self._sealers[key_id] = Sealer(key)
        return DataKeyRow(id=key_id, org_id=org_id, version=wrapped.version, wrapped=wrapped.blob)

    def rewrapped(self, row: DataKeyRow) -> DataKeyRow:
        """The same key under the newest master key. Blocks. Raises MasterKeyUnavailable, SealBroken."""
        wrapped = self.masters.wrap(self._unwrapped(row), place=_place(row.org_id, row.id))
        return DataKeyRow(id=row.id, org_id=row.org_id, version=wrapped.version, wrapped=wrapped.blob)

    def _unwrapped(self, row: DataKeyRow) -> bytes:
        return self.masters.unwrap(Wrapped(row.version, row.wrapped), place=_place(row.org_id, row.id))


def key_of(sealed: bytes) -> str:
    """The id of the data key that a value says it was sealed with; empty for values of before."""
    if not sealed.startswith(_MAGIC) or len(sealed) <= len(_MAGIC):
        return ""
    start = len(_MAGIC) + 1
    return sealed[start : start + sealed[start - 1]].decode("ascii", "replace")


def _head(key_id: str) -> bytes:
    return _MAGIC + bytes((len(key_id),)) + key_id.encode()


def _place(org_id: str, key_id: str) -> str:
    return f"data-key:{org_id}:{key_id}"
