"""What the OAuth server needs now and then: signing keys that are due rotate, what has run out is removed."""

import asyncio
import logging
from datetime import timedelta

from gatewayops.api.oauth_keys import SigningKeys
from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import GatewayOpsError
from gatewayops.store.control import oauth_keys, oauth_requests

_log = logging.getLogger(__name__)

_EVERY_S = 3_600.0
_KEY_LIFE = timedelta(days=90)


class OAuthJobs:
    """One in a control role; two at once do no harm, for a key that was just rotated is not due."""

    def __init__(self, parts: ControlParts) -> None:
        """Does nothing before `run`."""
        self._database = parts.database
        self._keys = SigningKeys(parts.database, parts.credentials)

    async def run(self) -> None:
        """Looks once an hour until cancelled; what fails is tried again the next time."""
        while True:
            try:
                await self.step()
            except GatewayOpsError as error:
                _log.warning("signing keys and expired tokens were not looked after: %s", error.detail)
            await asyncio.sleep(_EVERY_S)

    async def step(self) -> None:
        """Once. Raises DatabaseUnavailable, MasterKeyUnavailable."""
        async with self._database.session() as session:
            await oauth_requests.forget_expired(session)
            due = await oauth_keys.due(session, older_than=_KEY_LIFE)
        for org_id in due:
            await self._keys.rotate(org_id)
