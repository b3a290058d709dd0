"""Changing one's second factors: by who has just proved who they are, or must add one before they get in.

The user is told of each change by mail, and the audit log tells it too.
"""

from typing import Any

import msgspec
from fastapi import Request

from gatewayops.api.accounts import Accounts, Opened
from gatewayops.api.audit_trail import draft_of
from gatewayops.api.parts import ControlParts
from gatewayops.api.second_factor import REGISTER, Who
from gatewayops.base.errors import Conflict, Forbidden, InvalidInput, Reason
from gatewayops.base.ids import new_id
from gatewayops.identity import passkeys, recovery_codes, totp
from gatewayops.identity.passkeys import Given, RelyingParty
from gatewayops.store import origin
from gatewayops.store.audit_entry import Target
from gatewayops.store.control import audit, directory, factors
from gatewayops.store.control import passkeys as kept_passkeys
from gatewayops.store.control.database import Session
from gatewayops.store.control.factor_tables import totp_binding
from gatewayops.store.control.passkeys import NewPasskey
from gatewayops.store.control.pending_sign_ins import Pending
from gatewayops.store.control.user_sessions import UserSession


class Owner(msgspec.Struct, frozen=True):
    """Whose factors they are: somebody signed in, or one who must add a factor before they are."""

    who: Who
    session: UserSession | None = None
    pending: Pending | None = None

    def check_fresh(self) -> None:
        """Raises Forbidden for one who signed in, or confirmed it, more than ten minutes ago."""
        if self.session is not None and not self.session.is_fresh:
            msg = "prove again that it is you: POST /v1/auth/confirm, then repeat this within ten minutes"
            raise Forbidden(msg, Reason.CONFIRMATION_REQUIRED)


class NewTotp(msgspec.Struct, frozen=True):
    """An app that is to be confirmed; shown this once."""

    secret: str
    address: str


class Added(msgspec.Struct, frozen=True):
    """What came of a new factor: recovery codes with the first one, and the session of who waited for it."""

    recovery_codes: list[str]
    opened: Opened | None


class FactorChanges:
    """Of one owner, in one request. All but `show` need an owner who is fresh."""

    def __init__(self, request: Request, parts: ControlParts, accounts: Accounts, owner: Owner) -> None:
        """Does nothing yet."""
        self._request = request
        self._parts = parts
        self._accounts = accounts
        self._owner = owner
        self._who = owner.who

    async def begin_totp(self) -> NewTotp:
        """A new secret; it counts once a code confirms it. Raises Conflict, Forbidden."""
        self._owner.check_fresh()
        who, row_id, secret = self._who, new_id("totp"), totp.new_secret()
        async with self._parts.database.reading() as session:
            await self._check_no_totp(session)
            organization = await directory.organisation(session, org_id=who.org_id)
        sealed = await self._parts.credentials.seal(
            secret.encode(), org_id=who.org_id, bound_to=totp_binding(who.org_id, row_id)
        )
        async with self._parts.database.session() as session:
            await factors.put_totp(
                session, org_id=who.org_id, user_id=who.user_id, row_id=row_id, sealed=sealed
            )
        return NewTotp(secret, totp.address(secret, email=who.email, organization=organization.name))

    async def confirm_totp(self, code: str) -> Added:
        """The app counts from now on. Raises Unauthenticated, Conflict, Forbidden, TooMany."""
        self._owner.check_fresh()
        who = self._who
        async with self._parts.database.reading() as session:
            await self._check_no_totp(session)
            known = await factors.totp(session, org_id=who.org_id, user_id=who.user_id)
        if known is None:
            msg = "code: there is no app to confirm; begin anew"
            raise InvalidInput(msg)
        await self._accounts.factors.use_code(known, code)
        async with self._parts.database.session() as session:
            newest = await factors.totp(session, org_id=who.org_id, user_id=who.user_id)
            if newest is None or newest.id != known.id or newest.confirmed_at is not None:
                msg = "another app was begun meanwhile; begin anew"
                raise Conflict(msg)
            await factors.confirm_totp(session, newest)
            codes = await self._first_codes(session)
        return await self._added("totp", "An authenticator app was added.", codes)

    async def passkey_options(self, party: RelyingParty) -> dict[str, Any]:
        """What the browser is asked for. Raises Forbidden."""
        self._owner.check_fresh()
        who = self._who
        known = await self._accounts.factors.passkeys_of(who)
        async with self._parts.database.reading() as session:
            organization = await directory.organisation(session, org_id=who.org_id)
        await passkeys.ready()
        found, challenge = passkeys.registration(
            party,
            user_id=who.user_id,
            email=who.email,
            organization=organization.name,
            known=[one.credential_id for one in known],
        )
        async with self._parts.database.session() as session:
            told = passkeys.challenge_hash(challenge)
            await kept_passkeys.challenge(
                session, challenge_hash=told, purpose=REGISTER, bound_to=who.user_id
            )
        return found

    async def add_passkey(self, name: str, given: Given, party: RelyingParty) -> Added:
        """Raises InvalidInput for one that is not right, Conflict, Forbidden."""
        self._owner.check_fresh()
        await passkeys.ready()
        who, challenge = self._who, passkeys.challenge_in(given)
        async with self._parts.database.session() as session:
            told = passkeys.challenge_hash(challenge)
            is_ours = await kept_passkeys.use_challenge(
                session, challenge_hash=told, purpose=REGISTER, bound_to=who.user_id
            )
        if not is_ours:
            msg = "credential: this took too long, or was sent before; begin anew"
            raise InvalidInput(msg)
        made = passkeys.check_registration(party, given, challenge=challenge)
        new = NewPasskey(
            org_id=who.org_id,
            user_id=who.user_id,
            name=name,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            transports=made.transports,
        )
        async with self._parts.database.session() as session:
            await kept_passkeys.add(session, new)
            codes = await self._first_codes(session)
        return await self._added("passkey", f"The passkey {name} was added.", codes)

    async def remove_totp(self) -> None:
        """Raises Conflict for the last factor where one is required, Forbidden, InvalidInput for none."""
        self._owner.check_fresh()
        who = self._who
        async with self._parts.database.session() as session:
            if not await factors.remove_totp(session, org_id=who.org_id, user_id=who.user_id):
                msg = "you have no authenticator app"
                raise InvalidInput(msg)
            await self._check_enough(session)
        self._accounts.tell(who, "The authenticator app was removed.")

    async def remove_passkey(self, passkey_id: str) -> None:
        """Raises NotFound, Conflict for the last factor where one is required, Forbidden."""
        self._owner.check_fresh()
        who = self._who
        async with self._parts.database.session() as session:
            gone = await kept_passkeys.remove(
                session, org_id=who.org_id, user_id=who.user_id, passkey_id=passkey_id
            )
            await self._check_enough(session)
        self._accounts.tell(who, f"The passkey {gone.name} was removed.")

    async def renew_recovery_codes(self) -> list[str]:
        """New ones, shown this once; those from before work no longer. Raises Forbidden, Conflict."""
        self._owner.check_fresh()
        who = self._who
        async with self._parts.database.session() as session:
            held = await factors.held(session, org_id=who.org_id, user_id=who.user_id)
            if not held.is_any:
                msg = "recovery codes are for who has a second factor; add one first"
                raise Conflict(msg)
            codes = await self._new_codes(session)
        self._accounts.tell(who, "New recovery codes were made; those from before work no longer.")
        return codes

    async def _added(self, kind: str, what: str, codes: list[str]) -> Added:
        self._accounts.tell(self._who, what)
        pending = self._owner.pending
        if pending is None:
            return Added(codes, None)
        method = f"{pending.method}+{kind}"
        opened = await self._accounts.open(self._request, self._who, method=method, after=pending)
        return Added(codes, opened)

    async def _first_codes(self, session: Session) -> list[str]:
        held = await factors.held(session, org_id=self._who.org_id, user_id=self._who.user_id)
        return [] if held.recovery_codes else await self._new_codes(session)

    async def _new_codes(self, session: Session) -> list[str]:
        who, codes = self._who, recovery_codes.new_codes()
        hashes = [recovery_codes.hash_of(code, user_id=who.user_id) for code in codes]
        await factors.put_recovery_codes(session, org_id=who.org_id, user_id=who.user_id, hashes=hashes)
        target = Target("user", who.user_id)
        audit.note(session, who.org_id, draft_of("recovery_codes.created", origin.current(), target))
        return codes

    async def _check_no_totp(self, session: Session) -> None:
        known = await factors.totp(session, org_id=self._who.org_id, user_id=self._who.user_id)
        if known is not None and known.confirmed_at is not None:
            msg = "you have an authenticator app; remove it first"
            raise Conflict(msg)

    async def _check_enough(self, session: Session) -> None:
        """Of who has no factor left: their recovery codes go too, unless the organisation wants a factor."""
        who = self._who
        held = await factors.held(session, org_id=who.org_id, user_id=who.user_id)
        if held.is_any:
            return
        if await factors.policy(session, org_id=who.org_id) == factors.REQUIRED:
            msg = "your organisation requires a second factor; add another one first"
            raise Conflict(msg)
        await factors.put_recovery_codes(session, org_id=who.org_id, user_id=who.user_id, hashes=[])
