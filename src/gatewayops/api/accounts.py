"""Signing in, and what leads there: passwords, invitations, resets, the first administrator.

The doors are sign_in (JSON) and sign_in_pages (forms). A wrong password, an unknown address and a user
without a password get the same answer after the same work. Signing in always makes a session that was never
there before, and ends the one that the browser brought along.
"""

from contextlib import suppress

import msgspec
from fastapi import Request

from gatewayops.api.account_mail import AccountMail
from gatewayops.api.audit_trail import AuditTrail, draft_of, enter_as
from gatewayops.api.browser import session_cookie
from gatewayops.api.caller_address import address_of
from gatewayops.api.parts import ControlParts
from gatewayops.api.person import signed_in
from gatewayops.base.errors import GatewayOpsError, Reason, TooMany, Unauthenticated
from gatewayops.identity.passwords import Passwords, check_new
from gatewayops.identity.sign_in_limits import SignInLimits
from gatewayops.identity.user_tokens import hash_of, new_link_token, new_session_token
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor, Target
from gatewayops.store.control import audit, identity_providers, one_time_links, user_passwords, user_sessions
from gatewayops.store.control.database import Session
from gatewayops.store.control.one_time_links import RESET, NewLink
from gatewayops.store.control.user_passwords import Account
from gatewayops.store.control.user_sessions import NewSession, UserSession

_LONGEST_AGENT = 200


class Credentials(msgspec.Struct, frozen=True):
    """What somebody typed; an empty `organization` (a slug) is the oldest one that knows the address."""

    email: str
    password: str
    organization: str = ""


class Who(msgspec.Struct, frozen=True):
    """Whose session is to begin."""

    org_id: str
    user_id: str
    email: str
    provider_id: str = ""  # that vouches for them; empty for a password
    hours: int = 0  # the session may last; 0: as long as any


class Opened(msgspec.Struct, frozen=True):
    """A session that has just begun; its token is nowhere else."""

    token: str
    session: UserSession


class Accounts:
    """One an app."""

    def __init__(self, parts: ControlParts, trail: AuditTrail) -> None:
        """Nobody has tried yet."""
        self._database = parts.database
        self._trail = trail
        self._sign_ins = SignInLimits()
        self._resets = SignInLimits()
        self.passwords = Passwords()
        self.mail = AccountMail(parts.alerts, address=parts.address, outbox=parts.outbox)

    async def sign_in(self, request: Request, given: Credentials) -> Opened:
        """A new session. Raises Unauthenticated, and TooMany for one who must wait."""
        try:
            account = await self._check(request, given)
        except (Unauthenticated, TooMany) as error:
            await self._trail.failed(request, "sign-in", error)
            raise
        return await self.open(request, Who(account.org_id, account.user_id, account.email))

    async def open(self, request: Request, who: Who) -> Opened:
        """A session for one who has proved who they are."""
        token = new_session_token()
        known = enter_as(request, Actor("user", who.user_id, who.email))
        before = await signed_in(self._database, session_cookie(request))
        agent = request.headers.get("user-agent", "")[:_LONGEST_AGENT]
        new = NewSession(
            org_id=who.org_id,
            user_id=who.user_id,
            hash=hash_of(token),
            address=address_of(request),
            user_agent="".join(char for char in agent if char.isprintable()),
            provider_id=who.provider_id,
            hours=who.hours,
        )
        async with self._database.session() as session:
            if before is not None:
                await self.end(session, before.session)
            begun = await user_sessions.begin(session, new)
            target = Target("session", begun.id)
            audit.note(session, who.org_id, draft_of("session.created", known, target))
        return Opened(token, begun)

    async def end(self, session: Session, known: UserSession) -> None:
        """Ends a session, in the name of who is at work here."""
        await user_sessions.end(session, known)
        target = Target("session", known.id)
        audit.note(session, known.org_id, draft_of("session.revoked", origin.current(), target))

    async def change_password(self, request: Request, *, user: UserSession, old: str, new: str) -> None:
        """Ends the user's other sessions. Raises InvalidInput, Unauthenticated for the wrong one, TooMany."""
        async with self._database.reading() as session:
            account = await user_passwords.of_user(session, org_id=user.org_id, user_id=user.user_id)
        email = account.email if account else user.user_id
        check_new(new, email=email, field="new_password")
        self._sign_ins.begin(email, address_of(request))
        if not await self.passwords.is_right(old, account.password_hash if account else ""):
            msg = "current_password: not the one"
            raise Unauthenticated(msg, Reason.SIGN_IN_FAILED)
        self._sign_ins.succeeded(email, address_of(request))
        hashed = await self.passwords.hash(new)
        async with self._database.session() as session:
            await self.put_password(
                session, who=Who(user.org_id, user.user_id, email), hashed=hashed, but=user.id
            )

    async def put_password(self, session: Session, *, who: Who, hashed: str, but: str = "") -> None:
        """Whoever knew the old one is signed out, `but` in the session of that id; open resets are over."""
        await user_passwords.put(session, org_id=who.org_id, user_id=who.user_id, password_hash=hashed)
        ended = await user_sessions.end_all(session, org_id=who.org_id, user_id=who.user_id, but=but)
        await one_time_links.end_all(session, org_id=who.org_id, kind=RESET, email=who.email)
        if ended:
            draft = draft_of("sessions.revoked", origin.current(), Target("user", who.user_id))
            audit.note(session, who.org_id, draft)

    def ask_reset(self, request: Request, *, email: str, organization: str) -> None:
        """Sends a link, if there is such a user, after the answer. Raises TooMany, whoever it is."""
        self._resets.begin(email, address_of(request))
        self.mail.later(self._send_reset(email, organization))

    async def _send_reset(self, email: str, organization: str) -> None:
        async with self._database.reading() as session:
            account = await user_passwords.account(session, email=email, organization=organization)
        if account is None:
            return
        token = new_link_token()
        new = NewLink(org_id=account.org_id, kind=RESET, hash=hash_of(token), email=account.email)
        async with self._database.session() as session:
            await one_time_links.end_all(session, org_id=new.org_id, kind=RESET, email=new.email)
            link = await one_time_links.add(session, new)
        await self.mail.reset(link, token)

    async def _check(self, request: Request, given: Credentials) -> Account:
        address = address_of(request)
        self._sign_ins.begin(given.email, address)
        async with self._database.reading() as session:
            account = await user_passwords.account(
                session, email=given.email, organization=given.organization
            )
        is_right = await self.passwords.is_right(given.password, account.password_hash if account else "")
        if account is None or not is_right or await self._is_shut(account):
            msg = "the e-mail address or the password is wrong"
            raise Unauthenticated(msg, Reason.SIGN_IN_FAILED)
        self._sign_ins.succeeded(given.email, address)
        if self.passwords.is_stale(account.password_hash):
            await self._renew(account, given.password)
        return account

    async def _is_shut(self, account: Account) -> bool:
        """Whether the organisation requires single sign-on. The answer is that to a wrong password."""
        async with self._database.reading() as session:
            return await identity_providers.shuts_passwords(
                session, org_id=account.org_id, user_id=account.user_id
            )

    async def _renew(self, account: Account, password: str) -> None:
        with suppress(GatewayOpsError):  # another time
            hashed = await self.passwords.hash(password)
            async with self._database.session() as session:
                await user_passwords.renew(session, account, password_hash=hashed)
