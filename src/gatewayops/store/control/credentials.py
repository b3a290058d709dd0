"""Sealing an organisation's credentials under its data key, which is made when the first one comes."""

import asyncio

from gatewayops.store.control import data_keys
from gatewayops.store.control.database import Database, lock
from gatewayops.store.secrets.keyring import Keyring, key_of
from gatewayops.store.secrets.master import MasterKeyUnavailable
from gatewayops.store.snapshot import DataKeyRow

_NEW_KEY = 720_575_942


class Credentials:
    """One a process. Providers of the master key are asked in threads, and outside of transactions."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Nothing is read yet."""
        self._database = database
        self.keyring = keyring

    async def seal(self, plain: bytes, *, org_id: str, bound_to: bytes) -> bytes:
        """Raises MasterKeyUnavailable. Seal before the transaction that keeps the value."""
        row = await self._newest(org_id)
        return self.keyring.seal(plain, key_id=row.id, bound_to=bound_to)

    async def open(self, sealed: bytes, *, org_id: str, bound_to: bytes) -> bytes:
        """Raises SealBroken, and MasterKeyUnavailable when the data key does not open."""
        key_id = key_of(sealed)
        if key_id and not self.keyring.knows(key_id):
            async with self._database.reading() as session:
                row = await data_keys.find(session, org_id=org_id, key_id=key_id)
            if row is not None and await self.keyring.learn_all([row]):
                raise _out_of_reach(key_id)
        return self.keyring.open(sealed, bound_to=bound_to)

    async def seal_if_any(self, plain: bytes, *, org_id: str, bound_to: bytes) -> bytes:
        """`seal`, and nothing for nothing: an empty value is kept empty."""
        return await self.seal(plain, org_id=org_id, bound_to=bound_to) if plain else b""

    async def open_if_any(self, sealed: bytes, *, org_id: str, bound_to: bytes) -> bytes:
        """What `seal_if_any` sealed. Raises as `open`."""
        return await self.open(sealed, org_id=org_id, bound_to=bound_to) if sealed else b""

    async def renew(self, org_id: str) -> DataKeyRow:
        """A new data key that seals from now on; the ones before still open."""
        made = await asyncio.to_thread(self.keyring.new_key, org_id)
        async with self._database.session() as session:
            await data_keys.add(session, made)
        return made

    async def _newest(self, org_id: str) -> DataKeyRow:
        async with self._database.reading() as session:
            known = await data_keys.newest(session, org_id=org_id)
        if known is None:
            known = await self._first(org_id)
        if await self.keyring.learn_all([known]):
            raise _out_of_reach(known.id)
        return known

    async def _first(self, org_id: str) -> DataKeyRow:
        made = await asyncio.to_thread(self.keyring.new_key, org_id)
        async with self._database.session() as session:
            await lock(session, _NEW_KEY)
            known = await data_keys.newest(session, org_id=org_id)
            if known is None:
                await data_keys.add(session, made)
        return known or made


def _out_of_reach(key_id: str) -> MasterKeyUnavailable:
    return MasterKeyUnavailable(f"the data key {key_id} does not open; is its master key within reach?")
