"""The second step of signing in: who must take it, and whether what they bring is right.

Until it is taken there is no session, only a pending sign-in, whose token opens nothing else. A passkey needs
no first step: it is two factors by itself.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from gatewayops.base import clock
from gatewayops.base.errors import Reason, TooMany, Unauthenticated
from gatewayops.identity import passkeys, recovery_codes, totp
from gatewayops.identity.passkeys import Given, RelyingParty
from gatewayops.identity.user_tokens import hash_of, is_pending_token, new_pending_token
from gatewayops.store.control import factors, pending_sign_ins
from gatewayops.store.control import passkeys as kept_passkeys
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.control.factor_tables import totp_binding
from gatewayops.store.control.factors import Totp
from gatewayops.store.control.passkeys import Owned, Passkey
from gatewayops.store.control.pending_sign_ins import AGREE, CHOOSE, ENROL, PROVE, Choice, NewPending, Pending
from gatewayops.store.control.user_passwords import Account
from gatewayops.store.control.user_sessions import SignedIn

SIGN_IN = "sign_in"
REGISTER = "register"
_AGAIN = "this sign-in is over: begin again with the password"


class Who(msgspec.Struct, frozen=True):
    """Whose session is to begin."""

    org_id: str
    user_id: str
    email: str
    provider_id: str = ""  # of the identity provider that vouches for them; empty for what is checked here
    hours: int = 0  # the session may last; 0: as long as any
    return_to: str = "/"  # the path of ours where they wanted to go

    @classmethod
    def of(cls, known: Account | Pending) -> "Who":
        """Whose account, or sign-in that waits, this is."""
        who = cls(known.org_id, known.user_id, known.email)
        if isinstance(known, Pending):
            kept = {name: getattr(known, name) for name in ("provider_id", "hours", "return_to")}
            who = msgspec.structs.replace(who, **kept)
        return who

    @classmethod
    def signed_in(cls, found: SignedIn) -> "Who":
        """Whose session this is."""
        return cls(found.session.org_id, found.session.user_id, found.email)


class Proof(msgspec.Struct, frozen=True):
    """What somebody brings as a second factor: one of these."""

    code: str = ""
    recovery_code: str = ""
    passkey: Given | None = None


class SecondFactorRequired(Unauthenticated):
    """The first factor was right. `token` goes on with the sign-in; it is in no log."""

    code = "second_factor_required"
    reason = Reason.SECOND_FACTOR_REQUIRED

    def __init__(self, token: str, *, step: str, kinds: list[str]) -> None:
        """`step` is prove or enrol; `kinds` are those that will do."""
        prove = "send it and the second factor to POST /v1/auth/sign-in/second-factor"
        enrol = (
            "your organisation requires a second factor: add one, with it as the bearer, at /v1/auth/factors"
        )
        super().__init__(f"pending_token: {prove if step == PROVE else enrol}")
        self.token = token
        self.step = step
        self.extra = {
            "pending_token": token,
            "step": step,
            "kinds": kinds,
            "expires_at": (clock.now() + pending_sign_ins.LIFE).isoformat(),
        }


class TooManyCodes(TooMany):
    """So many wrong codes in a row that the next attempt must wait, whoever makes it."""

    reason = Reason.RATE_EXCEEDED
    headers = (("Retry-After", "900"),)


class SecondFactors:
    """One an app."""

    def __init__(self, database: Database, credentials: Credentials) -> None:
        """`credentials` open the secrets of apps."""
        self._database = database
        self._credentials = credentials

    async def check_done(self, who: Who, *, method: str) -> None:
        """Raises SecondFactorRequired for one who has a second factor, or must have one."""
        async with self._database.reading() as session:
            held = await factors.held(session, org_id=who.org_id, user_id=who.user_id)
            policy = await factors.policy(session, org_id=who.org_id)
        if held.is_any:
            await self._wait(who, method=method, step=PROVE, kinds=held.kinds)
        elif policy == factors.REQUIRED:
            await self._wait(who, method=method, step=ENROL, kinds=["totp", "passkey"])

    async def pending(self, token: str, *, step: str) -> Pending:
        """Who waits with this token. Raises Unauthenticated."""
        found = None
        if is_pending_token(token):
            async with self._database.reading() as session:
                found = await pending_sign_ins.find(session, pending_hash=hash_of(token), step=step)
        if found is None:
            raise Unauthenticated(_AGAIN, Reason.SIGN_IN_FAILED)
        return found

    async def wait_for_choice(self, users: list[Who]) -> str:
        """The token of one whose password is right in several organisations."""
        return await self._begin(
            users[0], method="password", step=CHOOSE, choices=[one.user_id for one in users]
        )

    async def wait_for_yes(self, who: Who, *, method: str) -> str:
        """The token of one whom a provider sends unasked: a page elsewhere may have made the browser come."""
        return await self._begin(who, method=method, step=AGREE)

    async def agree(self, known: Pending) -> Who:
        """Who said yes to that. Raises Unauthenticated, also the second time."""
        async with self._database.session() as session:
            if not await pending_sign_ins.finish(session, known):
                raise Unauthenticated(_AGAIN, Reason.SIGN_IN_FAILED)
        return Who.of(known)

    async def choices(self, known: Pending) -> tuple[Choice, ...]:
        """Among which organisations they choose."""
        async with self._database.reading() as session:
            return await pending_sign_ins.choices(session, known)

    async def choose(self, known: Pending, slug: str) -> Who:
        """Who they are in the organisation of that slug. Raises Unauthenticated, also the second time."""
        found = [one for one in await self.choices(known) if one.organization.slug == slug]
        async with self._database.session() as session:
            if not found or not await pending_sign_ins.finish(session, known):
                raise Unauthenticated(_AGAIN, Reason.SIGN_IN_FAILED)
        return Who(found[0].organization.id, found[0].user_id, found[0].email)

    async def prove_pending(self, known: Pending, proof: Proof, party: RelyingParty | None) -> str:
        """How the pending sign-in was done, such as password+totp. Raises Unauthenticated, TooMany."""
        async with self._database.session() as session:
            is_free = await pending_sign_ins.attempt(session, known)
        if not is_free:
            raise Unauthenticated(_AGAIN, Reason.SIGN_IN_FAILED)
        return f"{known.method}+{await self.prove(Who.of(known), proof, party)}"

    async def prove(self, who: Who, proof: Proof, party: RelyingParty | None) -> str:
        """Which kind of factor it was. Raises Unauthenticated, and TooMany after many wrong codes."""
        if proof.passkey is not None and party is not None:
            owned = await self.check_passkey(proof.passkey, party)
            if owned.passkey.user_id != who.user_id:
                raise passkeys.not_accepted()
            return "passkey"
        if proof.recovery_code:
            await self._use_recovery_code(who, proof.recovery_code)
            return "recovery_code"
        async with self._database.reading() as session:
            known = await factors.totp(session, org_id=who.org_id, user_id=who.user_id)
        if known is None or known.confirmed_at is None or not proof.code:
            raise _wrong_code()
        await self.use_code(known, proof.code)
        return "totp"

    async def use_code(self, known: Totp, code: str) -> None:
        """Uses up a code of the app. Raises Unauthenticated, and TooMany after many wrong ones in a row."""
        async with self._database.session() as session:
            is_free = await factors.begin_totp_attempt(session, known)
        if not is_free:
            msg = "too many wrong codes; try again in 15 minutes, or use a passkey or a recovery code"
            raise TooManyCodes(msg)
        bound_to = totp_binding(known.org_id, known.id)
        secret = await self._credentials.open(known.sealed_secret, org_id=known.org_id, bound_to=bound_to)
        step = totp.matching_step(secret.decode(), code, now_s=clock.unix_s())
        if step is None:
            raise _wrong_code()
        async with self._database.session() as session:
            is_new = await factors.use_totp_step(session, known, step=step)
        if not is_new:
            raise _wrong_code()

    async def options(self, party: RelyingParty, known: tuple[Passkey, ...] = ()) -> dict[str, Any]:
        """What a browser is asked for, to sign in; without `known` by any passkey of this place."""
        await passkeys.ready()
        found, challenge = passkeys.authentication(party, known=[one.credential_id for one in known])
        async with self._database.session() as session:
            told = passkeys.challenge_hash(challenge)
            await kept_passkeys.challenge(session, challenge_hash=told, purpose=SIGN_IN)
        return found

    async def kinds(self, who: Who) -> list[str]:
        """With what the user may prove who they are."""
        async with self._database.reading() as session:
            return (await factors.held(session, org_id=who.org_id, user_id=who.user_id)).kinds

    async def passkeys_of(self, who: Who) -> tuple[Passkey, ...]:
        """The user's."""
        async with self._database.reading() as session:
            return await kept_passkeys.of_user(session, org_id=who.org_id, user_id=who.user_id)

    async def check_passkey(self, given: Given, party: RelyingParty) -> Owned:
        """Whose passkey proved itself here, just now. Raises Unauthenticated, InvalidInput."""
        await passkeys.ready()
        challenge = passkeys.challenge_in(given)
        credential_id = passkeys.credential_id_in(given)
        async with self._database.session() as session:
            told = passkeys.challenge_hash(challenge)
            is_ours = await kept_passkeys.use_challenge(session, challenge_hash=told, purpose=SIGN_IN)
            owned = await kept_passkeys.of_credential(session, credential_id)
        if not is_ours or owned is None:
            raise passkeys.not_accepted()
        known = owned.passkey
        if passkeys.user_in(given) not in ("", known.user_id):
            raise passkeys.not_accepted()
        count = passkeys.check_authentication(
            party, given, challenge=challenge, public_key=known.public_key, sign_count=known.sign_count
        )
        async with self._database.session() as session:
            is_newer = await kept_passkeys.use(session, known, sign_count=count)
        if not is_newer:
            raise passkeys.not_accepted()
        return owned

    async def _use_recovery_code(self, who: Who, code: str) -> None:
        told = recovery_codes.hash_of(code, user_id=who.user_id)
        async with self._database.session() as session:
            is_right = await factors.use_recovery_code(
                session, org_id=who.org_id, user_id=who.user_id, code_hash=told
            )
        if not is_right:
            raise _wrong_code()

    async def _wait(self, who: Who, *, method: str, step: str, kinds: list[str]) -> None:
        token = await self._begin(who, method=method, step=step)
        raise SecondFactorRequired(token, step=step, kinds=kinds)

    async def _begin(self, who: Who, *, method: str, step: str, choices: Sequence[str] = ()) -> str:
        token = new_pending_token()
        new = NewPending(
            org_id=who.org_id,
            user_id=who.user_id,
            hash=hash_of(token),
            method=method,
            step=step,
            choices=list(choices),
            provider_id=who.provider_id,
            hours=who.hours,
            return_to=who.return_to,
        )
        async with self._database.session() as session:
            await pending_sign_ins.begin(session, new)
        return token


def _wrong_code() -> Unauthenticated:
    return Unauthenticated("code: wrong, or used already; wait for the next one", Reason.SIGN_IN_FAILED)
