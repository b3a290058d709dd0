"""Mail to end users of a protected server: links by which they show that an address is theirs.

Who asks learns nothing by it: the answer is there before it is known whether there is anybody to write to,
and addresses that nobody has count as others do. Nothing that a client or another person wrote is in a mail.
"""

import re

import msgspec
from fastapi import Request

from gatewayops.api.account_mail import AccountMail
from gatewayops.api.caller_address import address_of
from gatewayops.api.oauth_state import Here, OAuthState
from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import Conflict, InvalidInput
from gatewayops.identity.oauth.tokens import digest, new_token
from gatewayops.identity.sign_in_limits import network_of
from gatewayops.store.control import end_user_links, end_users
from gatewayops.store.control.end_user_links import RESET, VERIFY, NewLink
from gatewayops.store.control.end_users import EndUser

# What browsers take for an address (HTML standard, 4.10.5.1.5); none of it has a meaning in a mail's head.
_MAILABLE = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,187}[a-zA-Z0-9])?"
)


class Letter(msgspec.Struct, frozen=True):
    """What a mail says before its link, which leads to the page called as `kind`."""

    kind: str
    subject: str
    text: str


_CONFIRM = Letter(
    VERIFY,
    "Confirm your address",
    "Somebody, hopefully you, has made an account with this address. Confirm that it is yours. If you made "
    "none, do nothing: nobody can use it without you.",
)
_FORGOT = Letter(
    RESET,
    "A new password",
    "Somebody, hopefully you, asked for a new password. If it was not you, do nothing.\n\nChoose a new one:",
)
_KNOWN = Letter(
    RESET,
    "You have an account",
    "Somebody, hopefully you, wanted to make an account with this address. There is one already: sign in. "
    "If it was not you, do nothing.\n\nIf you do not know your password, choose a new one:",
)


class EndUserMail:
    """What is mailed to end users of one server, for one request."""

    def __init__(self, request: Request, here: Here, parts: ControlParts, state: OAuthState) -> None:
        """Sends nothing yet."""
        mail = request.app.state.accounts.mail
        assert isinstance(mail, AccountMail)
        self._mail = mail
        self._here = here
        self._parts = parts
        self._state = state
        self._network = network_of(address_of(request))

    def count(self, email: str) -> None:
        """One more mail to that address, asked for from here. Raises TooMany, whoever it is."""
        org_id = self._here.server.org_id
        counters = (
            (self._state.mails_to_person, (org_id, email)),
            (self._state.mails_from_address, (self._network,)),
        )
        for counter, who in counters:
            counter.check(*who)
        for counter, who in counters:
            counter.add(*who)

    def confirm(self, user: EndUser, request_id: str) -> None:
        """Sends a link to show that the address is theirs."""
        self._mail.later(self._send(_CONFIRM, user, request_id))

    def forgot(self, email: str, request_id: str) -> None:
        """Sends a link to choose a new password to whoever has this address and a password."""
        self._mail.later(self._send_known(_FORGOT, email, request_id))

    def sign_up(self, email: str, password_hash: str, request_id: str) -> None:
        """Makes the account and asks for confirmation; who has one already is told so."""
        self._mail.later(self._sign_up(email, password_hash, request_id))

    async def _sign_up(self, email: str, password_hash: str, request_id: str) -> None:
        try:
            async with self._parts.database.session() as session:
                org_id = self._here.server.org_id
                user = await end_users.add(
                    session, org_id=org_id, email=email, name="", password_hash=password_hash
                )
        except Conflict:
            await self._send_known(_KNOWN, email, request_id)
        else:
            await self._send(_CONFIRM, user, request_id)

    async def _send_known(self, letter: Letter, email: str, request_id: str) -> None:
        async with self._parts.database.reading() as session:
            known = await end_users.account(session, org_id=self._here.server.org_id, email=email)
        if known is not None and known.password_hash:
            await self._send(letter, known.user, request_id)

    async def _send(self, letter: Letter, user: EndUser, request_id: str) -> None:
        check_mailable(user.email)
        token, here = new_token("el"), self._here
        new = NewLink(
            server_id=here.server.id,
            end_user_id=user.id,
            kind=letter.kind,
            hash=digest(token),
            email=user.email,
            request_id=request_id,
        )
        async with self._parts.database.session() as session:
            link = await end_user_links.add(session, org_id=here.server.org_id, new=new)
        until = link.expires_at.strftime("%Y-%m-%d %H:%M")
        text = (
            f"{here.look.name} ({here.resource})\n\n{letter.text}\n\n"
            f"{here.issuer}/{letter.kind}?token={token}\n\nThe link works once, until {until} UTC.\n"
        )
        await self._mail.send(
            user.email, subject=f"{letter.subject}: {here.look.name}", text=text, name=link.id
        )


def check_mailable(email: str) -> None:
    """Raises InvalidInput for what no mail can be sent to."""
    if not _MAILABLE.fullmatch(email):
        msg = "email: an address such as ada@example.com"
        raise InvalidInput(msg)
