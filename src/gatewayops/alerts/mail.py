"""E-mail by SMTP, in a thread; or as files in a folder, for development."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

from gatewayops.alerts.message import Message
from gatewayops.alerts.posting import SendFailed
from gatewayops.alerts.settings import AlertSettings


class Mailer:
    """The operator's mail server, which the settings name."""

    def __init__(self, settings: AlertSettings) -> None:
        """Does not connect."""
        self._settings = settings

    async def send(self, recipients: list[str], message: Message, *, message_id: str) -> str:
        """What the server said. Raises SendFailed."""
        mail = mail_of(message, sender=self._settings.mail_from, message_id=message_id)
        mail["To"] = ", ".join(recipients)
        return await self.deliver(mail, recipients, message_id=message_id)

    async def deliver(self, mail: EmailMessage, recipients: list[str], *, message_id: str) -> str:
        """The same for any mail. Raises SendFailed."""
        try:
            if self._settings.mail_folder:
                return await asyncio.to_thread(self._write, mail, message_id)
            if not self._settings.smtp_host:
                msg = "no mail server: set alerts.smtp_host, or alerts.mail_folder for development"
                raise SendFailed(msg)
            return await asyncio.to_thread(self._submit, mail, recipients)
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            msg = f"the mail server did not take it ({_shown(error)})"
            raise SendFailed(msg) from error

    def _write(self, mail: EmailMessage, message_id: str) -> str:
        folder = Path(self._settings.mail_folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{message_id}.eml"
        path.touch(mode=0o600)
        path.write_bytes(mail.as_bytes())
        return f"written to {path.name}"

    def _submit(self, mail: EmailMessage, recipients: list[str]) -> str:
        given = self._settings
        tls = ssl.create_default_context()
        timeout = given.send_timeout_s
        if given.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                given.smtp_host, given.smtp_port, timeout=timeout, context=tls
            )
        else:
            server = smtplib.SMTP(given.smtp_host, given.smtp_port, timeout=timeout)
        with server:
            if given.smtp_security == "starttls":
                server.starttls(context=tls)
            if given.smtp_user:
                server.login(given.smtp_user, given.smtp_password)
            refused = server.send_message(mail, to_addrs=recipients)
        taken = len(recipients) - len(refused)
        return f"taken for {taken} of {len(recipients)} recipients"


def mail_of(message: Message, *, sender: str, message_id: str) -> EmailMessage:
    """Plain text; the same Message-ID each time that one message is tried."""
    mail = EmailMessage()
    mail["Subject"] = message.title
    mail["From"] = sender
    mail["Message-ID"] = f"<{message_id}@gatewayops>"
    mail["References"] = f"<{message.incident_id}@gatewayops>"
    lines = [message.summary, "", f"rule      {message.rule}", f"severity  {message.severity}"]
    lines += [f"since     {message.started_at}"]
    lines += [f"resolved  {message.resolved_at}"] if message.resolved_at else []
    lines += [f"incident  {message.incident_id}"]
    mail.set_content("\n".join(lines) + "\n")
    return mail


def _shown(error: Exception) -> str:
    """What kind of failure, and the server's code; no addresses and no credentials."""
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__} {code}" if code is not None else type(error).__name__
