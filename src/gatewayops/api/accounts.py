"""Signing in, and what leads there: passwords, invitations, resets, the first administrator.

The doors are sign_in (JSON) and sign_in_pages (forms). A wrong password, an unknown address and a user
without a password get the same answer after the same work. Signing in always makes a session that was never
there before, and ends the one that the browser brought along.
"""

from contextlib import suppress
from typing import Any

import msgspec
from fastapi import Request

from gatewayops.api.account_mail import AccountMail
from gatewayops.api.audit_trail import AuditTrail, draft_of, enter_as
from gatewayops.api.browser import session_cookie
from gatewayops.api.caller_address import address_of
from gatewayops.api.parts import ControlParts
from gatewayops.api.person import signed_in
from gatewayops.api.second_factor import Proof, SecondFactors, Who
from gatewayops.base.errors import GatewayOpsError, Reason, TooMany, Unauthenticated
from gatewayops.identity.oauth.attempts import Attempts
from gatewayops.identity.passkeys import Given, RelyingParty
from gatewayops.identity.passwords import Passwords, check_new
from gatewayops.identity.sign_in_limits import SignInLimits, network_of
from gatewayops.identity.user_tokens import hash_of, new_link_token, new_session_token
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor, Target
from gatewayops.store.control import (
    audit,
    directory,
    factors,
    identity_providers,
    one_time_links,
    pending_sign_ins,
    user_passwords,
    user_sessions,
)
from gatewayops.store.control.database import Session
from gatewayops.store.control.one_time_links import RESET, NewLink
from gatewayops.store.control.pending_sign_ins import Pending
from gatewayops.store.control.user_passwords import Account
from gatewayops.store.control.user_sessions import NewSession, UserSession

_LONGEST_AGENT = 200
_MOST_TRIED = 3  # organisations, for one who does not say which


class Credentials(msgspec.Struct, frozen=True):
    """What somebody typed; an empty `organization` (a slug) is the oldest one that knows the address."""

    email: str
    password: str
    organization: str = ""


class Opened(msgspec.Struct, frozen=True):
    """A session that has just begun; its token is nowhere else."""

    token: str
    session: UserSession


class Confirmation(msgspec.Struct, frozen=True):
    """What somebody who is signed in shows anew: a second factor, or the password who has none."""

    password: str
    proof: Proof
    party: RelyingParty | None


class Accounts:
    """One an app."""

    def __init__(self, parts: ControlParts, trail: AuditTrail) -> None:
        """Nobody has tried yet."""
        self._database = parts.database
        self._trail = trail
        self._sign_ins = SignInLimits()
        self._resets = SignInLimits()
        self.challenges = Attempts(60, window_s=60)
        self.factors = SecondFactors(parts.database, parts.credentials)
        self.passwords = Passwords()
        self.mail = AccountMail(parts.alerts, address=parts.address, outbox=parts.outbox)

    async def sign_in(self, request: Request, given: Credentials) -> Opened:
        """A new session. Raises Unauthenticated, SecondFactorRequired, and TooMany for one who must wait."""
        account, *_ = await self.matching(request, given)
        return await self.admit(request, Who.of(account))

    async def matching(self, request: Request, given: Credentials) -> tuple[Account, ...]:
        """Whose password it is, the oldest first. Raises Unauthenticated, TooMany."""
        try:
            return await self._check(request, given)
        except (Unauthenticated, TooMany) as error:
            await self._trail.failed(request, "sign-in", error)
            raise

    async def admit(self, request: Request, who: Who, *, method: str = "password") -> Opened:
        """A session for one whose first factor was right. Raises SecondFactorRequired."""
        await self.factors.check_done(who, method=method)
        return await self.open(request, who, method=method)

    async def finish(
        self, request: Request, known: Pending, proof: Proof, party: RelyingParty | None
    ) -> Opened:
        """A session for one who waited. Raises Unauthenticated, InvalidInput, TooMany."""
        who = Who.of(known)
        try:
            method = await self.factors.prove_pending(known, proof, party)
        except (Unauthenticated, TooMany) as error:
            await self._failed_as(request, who, "second factor", error)
            raise
        if method.endswith("recovery_code"):
            self.tell(who, "A recovery code was used to sign in.")
        return await self.open(request, who, method=method, after=known)

    async def begin_passkey(self, request: Request, party: RelyingParty) -> dict[str, Any]:
        """What a browser is asked for. Raises TooMany for an address that asks much."""
        address = network_of(address_of(request))
        self.challenges.check(address)
        self.challenges.add(address)
        return await self.factors.options(party)

    async def sign_in_by_passkey(self, request: Request, given: Given, party: RelyingParty) -> Opened:
        """A session for whose passkey this is. Raises Unauthenticated, InvalidInput."""
        try:
            owned = await self.factors.check_passkey(given, party)
        except Unauthenticated as error:
            await self._trail.failed(request, "sign-in", error)
            raise
        known = owned.passkey
        return await self.open(request, Who(known.org_id, known.user_id, owned.email), method="passkey")

    def tell(self, who: Who, what: str) -> None:
        """A mail to the user about their account, beside the answer."""
        self.mail.later(self.mail.tell(who.email, what))

    async def open(
        self, request: Request, who: Who, *, method: str = "", after: Pending | None = None
    ) -> Opened:
        """A session for one who has proved who they are; `after` is what waited for it, and ends here."""
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
            method=method,
            provider_id=who.provider_id,
            hours=who.hours,
        )
        try:
            async with self._database.session() as session:
                await self._check_vouched(session, who)
                if after is not None and not await pending_sign_ins.finish(session, after):
                    msg = "this sign-in is over: begin again with the password"
                    raise Unauthenticated(msg, Reason.SIGN_IN_FAILED)
                if before is not None:
                    await self.end(session, before.session)
                begun = await user_sessions.begin(session, new)
                target = Target("session", begun.id)
                audit.note(session, who.org_id, draft_of("session.created", known, target, detail=method))
        except Unauthenticated as error:
            await self._failed_as(request, who, "sign-in", error)
            raise
        return Opened(token, begun)

    async def _check_vouched(self, session: Session, who: Who) -> None:
        """Whatever was proved here counts nothing where an identity provider must vouch."""
        at = {"org_id": who.org_id, "user_id": who.user_id}
        if not await identity_providers.vouches(session, provider_id=who.provider_id, **at):
            msg = "your organisation signs in at its identity provider; go to /sign-in"
            raise Unauthenticated(msg, Reason.SIGN_IN_FAILED)

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
        await self._check_own(request, email, old, account)
        hashed = await self.passwords.hash(new)
        async with self._database.session() as session:
            await self.put_password(
                session, who=Who(user.org_id, user.user_id, email), hashed=hashed, but=user.id
            )

    async def put_password(
        self, session: Session, *, who: Who, hashed: str, but: str = "", is_by_mail: bool | None = None
    ) -> None:
        """Whoever knew the old one is signed out, `but` in the session of that id; open resets are over."""
        await user_passwords.put(
            session, org_id=who.org_id, user_id=who.user_id, password_hash=hashed, is_by_mail=is_by_mail
        )
        await pending_sign_ins.end_all(session, org_id=who.org_id, user_id=who.user_id)
        ended = await user_sessions.end_all(session, org_id=who.org_id, user_id=who.user_id, but=but)
        await one_time_links.end_all(session, org_id=who.org_id, kind=RESET, email=who.email)
        if ended:
            draft = draft_of("sessions.revoked", origin.current(), Target("user", who.user_id))
            audit.note(session, who.org_id, draft)

    async def confirm(self, request: Request, user: UserSession, who: Who, given: Confirmation) -> None:
        """The session is fresh again. Raises Unauthenticated, InvalidInput, TooMany."""
        at = {"org_id": who.org_id, "user_id": who.user_id}
        async with self._database.reading() as session:
            held = await factors.held(session, **at)
            account = await user_passwords.of_user(session, **at)
            is_shut = await identity_providers.shuts_passwords(session, **at)
        try:
            if held.is_any:
                await self.factors.prove(who, given.proof, given.party)
            elif account is None or is_shut:
                msg = "you have no password here: sign in again, then do this within ten minutes"
                raise Unauthenticated(msg, Reason.SIGN_IN_FAILED)
            else:
                await self._check_own(request, who.email, given.password, account)
        except (Unauthenticated, TooMany) as error:
            await self._failed_as(request, who, "confirm", error)
            raise
        async with self._database.session() as session:
            await user_sessions.confirm(session, user)

    async def _failed_as(self, request: Request, who: Who, action: str, error: GatewayOpsError) -> None:
        actor = Actor("user", who.user_id, who.email)
        await self._trail.failed_as(request, who.org_id, actor, action=action, error=error)

    async def _check_own(self, request: Request, email: str, password: str, account: Account | None) -> None:
        self._sign_ins.begin(email, address_of(request))
        if not await self.passwords.is_right(password, account.password_hash if account else ""):
            msg = "the password is not the one"
            raise Unauthenticated(msg, Reason.SIGN_IN_FAILED)
        self._sign_ins.succeeded(email, address_of(request))

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

    async def _check(self, request: Request, given: Credentials) -> tuple[Account, ...]:
        """Compares as often for everybody, in however many organisations they are."""
        address = address_of(request)
        self._sign_ins.begin(given.email, address)
        async with self._database.reading() as session:
            there = 1 if given.organization else await directory.count_organisations(session)
            most = min(there, _MOST_TRIED)
            known = await user_passwords.accounts(
                session, email=given.email, organization=given.organization, most=most
            )
        hashes = [account.password_hash for account in known] + [""] * (most - len(known))
        right = [await self.passwords.is_right(given.password, hashed) for hashed in hashes]
        found = tuple(account for account, is_right in zip(known, right, strict=False) if is_right)
        if not found:
            msg = "the e-mail address or the password is wrong"
            raise Unauthenticated(msg, Reason.SIGN_IN_FAILED)
        self._sign_ins.succeeded(given.email, address)
        for account in found:
            if self.passwords.is_stale(account.password_hash):
                await self._renew(account, given.password)
        return found

    async def _renew(self, account: Account, password: str) -> None:
        with suppress(GatewayOpsError):  # another time
            hashed = await self.passwords.hash(password)
            async with self._database.session() as session:
                await user_passwords.renew(session, account, password_hash=hashed)
