"""The maskers that organisations' rules ask for at this moment; built anew only when something changed."""

from gatewayops.record.masking import Masker, Maskers
from gatewayops.store.control import masking
from gatewayops.store.control import revision as revisions
from gatewayops.store.control.database import Database


class MaskersNow:
    """One an app."""

    def __init__(self, database: Database) -> None:
        """Reads nothing yet."""
        self._database = database
        self._maskers = Maskers()
        self._revision = -1

    async def of(self, org_id: str) -> Masker:
        """The organisation's masker."""
        async with self._database.reading() as session:
            current = await revisions.current(session)
            if current != self._revision:
                self._maskers.replace(await masking.rows(session))
                self._revision = current
        return self._maskers.of(org_id)
