"""Sends what the outbox holds: claims a message, sends it, and writes what came of it.

A message that is not taken is tried again, less and less often, up to a bound; the log of deliveries says
so then. One that was taken is never sent again, but when this process dies after the other side took it and
before that is written: then it is sent once more under the same id, by which receivers know it.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from gatewayops.alerts import message
from gatewayops.alerts.channels import ChannelKind, Destination
from gatewayops.alerts.message import Message
from gatewayops.alerts.posting import SendFailed
from gatewayops.alerts.settings import AlertSettings
from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError, NotFound
from gatewayops.store.control import alert_channels, alert_incidents
from gatewayops.store.control.alert_channels import Channel, channel_binding
from gatewayops.store.control.alert_incidents import DROPPED, FAILED, RESOLVED, SENT, WAITING, Notification
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database

_log = logging.getLogger(__name__)

_AT_ONCE = 20
_CLAIM_S = 60.0  # over any send timeout: longer than a sender may take


class Sends(Protocol):
    """channels.Post, and tests."""

    async def send(
        self, kind: ChannelKind, destination: Destination, message: Message, *, message_id: str
    ) -> str:
        """What the other side said. Raises SendFailed."""


class Outbox:
    """One a control role; several share the work."""

    def __init__(
        self,
        database: Database,
        credentials: Credentials,
        post: Sends,
        settings: AlertSettings,
        *,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """`now` is told, so that tests can say it."""
        self._database = database
        self._credentials = credentials
        self._post = post
        self._settings = settings
        self._now = now

    async def send_due(self) -> int:
        """Tries what is due; gives how many. Raises Unavailable without the control store."""
        tried = 0
        while True:
            now = self._now()
            async with self._database.reading() as session:
                if not await alert_incidents.is_any_waiting(session, now=now):
                    return tried
            async with self._database.session() as session:
                claimed = await alert_incidents.claim(
                    session, now=now, for_s=self._settings.send_timeout_s + _CLAIM_S, limit=_AT_ONCE
                )
            if not claimed:
                return tried
            await asyncio.gather(*map(self._send, claimed))
            tried += len(claimed)

    async def _send(self, one: Notification) -> None:
        try:
            state, answer, wait_s = await self._try(one)
            async with self._database.session() as session:
                await alert_incidents.settle(
                    session, one, state=state, answer=answer, next_at=self._now() + timedelta(seconds=wait_s)
                )
        except GatewayOpsError as error:  # its claim ends, and it is tried again
            _log.warning("what came of the message %s is not written: %s", one.id, error.detail)
        except Exception:  # noqa: BLE001 - one odd message must not hold up the others
            _log.exception("the message %s could not be sent", one.id)

    async def _try(self, one: Notification) -> tuple[str, str, float]:
        """The new state, what was said, and how long to wait."""
        try:
            async with self._database.reading() as session:
                channel = await alert_channels.find(session, org_id=one.org_id, ref=one.channel_id)
                if one.event == RESOLVED and await alert_incidents.was_given_up(session, one):
                    return DROPPED, "the message that it ends never arrived", 0.0
            destination = await destination_in(channel, self._credentials)
            told = message.read(one.body)
            said = await self._post.send(ChannelKind(channel.kind), destination, told, message_id=one.id)
        except NotFound:
            return DROPPED, "the channel was removed", 0.0
        except SendFailed as error:
            return self._failed(one, error.detail, error.retry_after_s)
        except GatewayOpsError as error:  # the secret does not open, or the address is no address
            return self._failed(one, error.detail, 0.0)
        return SENT, said, 0.0

    def _failed(self, one: Notification, why: str, asked_s: float) -> tuple[str, str, float]:
        if one.attempts >= self._settings.send_attempts:
            return FAILED, f"given up after {one.attempts} attempts: {why}", 0.0
        return WAITING, why, wait_s(one.attempts, self._settings, asked_s=asked_s, chance=random.random())  # noqa: S311 - spreads the load


def wait_s(attempts: int, settings: AlertSettings, *, asked_s: float, chance: float) -> float:
    """Twice as long after each attempt, half of it by chance; or what was asked for; up to the bound."""
    longest = settings.retry_max_s
    full = min(longest, settings.retry_base_s * 2.0 ** min(attempts - 1, 30))
    return max(full * (0.5 + 0.5 * chance), min(asked_s, longest))


async def destination_in(channel: Channel, credentials: Credentials) -> Destination:
    """With the secret opened. Raises SealBroken, MasterKeyUnavailable."""
    if not channel.sealed_secret:
        return Destination(channel.address)
    bound_to = channel_binding(channel.org_id, channel.id)
    secret = await credentials.open(channel.sealed_secret, org_id=channel.org_id, bound_to=bound_to)
    return Destination(channel.address, secret.decode())
