"""Mail to people about their accounts: by the operator's mail server, else as files in the data directory.

A mail holds a link that opens an account, so it is never logged; what is told is how it left.
"""

import asyncio
import logging
from collections.abc import Coroutine
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from msgspec import structs

from gatewayops.alerts.mail import Mailer
from gatewayops.alerts.posting import SendFailed
from gatewayops.alerts.settings import AlertSettings
from gatewayops.base.errors import GatewayOpsError
from gatewayops.base.ids import new_id
from gatewayops.store.control.one_time_links import INVITATION, RESET, Link

_log = logging.getLogger(__name__)

_MAX_WAITING = 100
_PAGES = {INVITATION: "invitation", RESET: "reset"}


class AccountMail:
    """One an app; its owner awaits `finish` at the end."""

    def __init__(self, settings: AlertSettings, *, address: str, outbox: Path | None) -> None:
        """`outbox` takes mail as files while the settings name no mail server."""
        is_set = bool(settings.smtp_host or settings.mail_folder)
        folder = settings.mail_folder if is_set or outbox is None else str(outbox)
        settings = structs.replace(settings, mail_folder=folder)
        self._mailer = Mailer(settings)
        self._sender = settings.mail_from
        self._address = address
        self._folder = folder
        self._waiting: set[asyncio.Task[None]] = set()

    async def invite(self, link: Link, token: str, *, organization: str, by: str) -> str:
        """How it left, or why it did not; never the link."""
        text = f"{by or 'An administrator'} invites you to {organization} on GatewayOps.\n\nAccept here:"
        return await self._send(link, token, subject=f"Invitation to {organization}", text=text)

    async def reset(self, link: Link, token: str) -> str:
        """The same for a new password."""
        text = (
            "Somebody, hopefully you, asked for a new password on GatewayOps. "
            "If it was not you, do nothing.\n\nChoose a new one here:"
        )
        return await self._send(link, token, subject="A new password", text=text)

    async def tell(self, address: str, what: str) -> None:
        """About a change of somebody's account; nothing in it opens anything."""
        content = (
            f"{what}\n\nIf it was not you, choose a new password at once and tell your administrator:\n\n"
            f"{self._address}/forgot\n"
        )
        await self.send(address, subject="Your GatewayOps account", text=content, name=new_id("mail"))

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it beside the answer, which must not tell by its time whether there was anything to do."""
        if len(self._waiting) >= _MAX_WAITING:
            work.close()
            _log.warning("too much mail waits: one was dropped")
            return
        task = asyncio.create_task(_logged(work), name="account mail")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def finish(self) -> None:
        """Until what was left for later is done."""
        await asyncio.gather(*self._waiting)

    async def _send(self, link: Link, token: str, *, subject: str, text: str) -> str:
        until = link.expires_at.strftime("%Y-%m-%d %H:%M")
        address = f"{self._address}/{_PAGES[link.kind]}?token={token}"
        content = f"{text}\n\n{address}\n\nThe link works once, until {until} UTC.\n"
        return await self.send(link.email, subject=subject, text=content, name=link.id)

    async def send(self, address: str, *, subject: str, text: str, name: str) -> str:
        """Any text; how it left, or why it did not. `name` is the mail's own, and no secret."""
        mail = EmailMessage()
        mail["Subject"] = subject
        mail["From"] = self._sender
        mail["To"] = address
        mail["Message-ID"] = f"<{name}@gatewayops>"
        mail.set_content(text, cte="7bit" if text.isascii() else None)  # so that a file shows it whole
        try:
            said = await self._mailer.deliver(mail, [address], message_id=name)
        except SendFailed as error:
            _log.warning("mail %s did not leave: %s", name, error)
            return f"not sent: {error}"
        return f"{said} in {self._folder}" if self._folder else said


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except GatewayOpsError as error:
        _log.warning("a mail came to nothing: %s", error.detail)
