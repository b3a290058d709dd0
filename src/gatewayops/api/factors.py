"""`/v1/auth/factors` and what goes with them: one's own second factors, and the second step of signing in."""

from typing import Annotated

from fastapi import Depends, Request, Response

from gatewayops.api.accounts import Confirmation, Opened
from gatewayops.api.audit_trail import enter_as
from gatewayops.api.auth import Bearer, NeedsCaller
from gatewayops.api.browser import check_other_origin, party_here, relying_party
from gatewayops.api.factor_changes import Added, FactorChanges, Owner
from gatewayops.api.factor_shapes import (
    CodeAsked,
    ConfirmAsked,
    FactorAdded,
    FactorsBody,
    NewPasskeyAsked,
    NewTotpBody,
    Options,
    OptionsAsked,
    PasskeySignIn,
    RecoveryCodes,
    SecondFactorAsked,
    factors_body,
)
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts, parts_of
from gatewayops.api.person import current
from gatewayops.api.second_factor import Who
from gatewayops.api.shapes import InPath
from gatewayops.api.sign_in_shapes import SignedIn, accounts_of, signed_in_body
from gatewayops.base.errors import Forbidden, Reason
from gatewayops.identity.principal import Principal
from gatewayops.identity.user_tokens import is_pending_token
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import factors, passkeys
from gatewayops.store.control.pending_sign_ins import ENROL, PROVE

router = LateRouter(prefix="/v1/auth", tags=["Sign-in"])

Caller = Annotated[Principal, Depends(NeedsCaller("session"))]


_NEEDS_CALLER = NeedsCaller("factors")


async def needs_owner(request: Request, bearer: Bearer) -> FactorChanges:
    """A dependency: of whose factors they are, by their session or a sign-in that waits for a factor.

    Raises Unauthenticated, and Forbidden for a key.
    """
    if bearer is not None and is_pending_token(bearer.credentials):
        known = await accounts_of(request).factors.pending(bearer.credentials, step=ENROL)
        owner = Owner(Who.of(known), pending=known)
        enter_as(request, Actor("user", known.user_id, known.email))
    else:
        await _NEEDS_CALLER(request, bearer)
        owner = owner_signed_in(request)
    return FactorChanges(request, parts_of(request), accounts_of(request), owner)


Changes = Annotated[FactorChanges, Depends(needs_owner)]


def owner_signed_in(request: Request) -> Owner:
    """Of a request whose session was found; raises Forbidden for a key."""
    found = current(request)
    if found is None:
        msg = "a key has no second factor: sign in, and send the session as the bearer"
        raise Forbidden(msg, Reason.ACTION_NOT_GRANTED)
    return Owner(Who.signed_in(found), session=found.session)


@router.post("/sign-in/second-factor")
async def second_step(
    body: SecondFactorAsked, request: Request, response: Response, parts: Parts
) -> SignedIn:
    """The session, for the token of the first step and a factor. Five attempts a token."""
    check_other_origin(request)
    accounts = accounts_of(request)
    known = await accounts.factors.pending(body.pending_token, step=PROVE)
    opened = await accounts.finish(request, known, body.proof(), relying_party(request))
    return await signed_in_body(request, response, parts, opened)


@router.post("/sign-in/passkey-options")
async def passkey_options(body: OptionsAsked, request: Request) -> Options:
    """What the browser asks a passkey for."""
    party, accounts = party_here(request), accounts_of(request)
    if not body.pending_token:
        return Options(options=await accounts.begin_passkey(request, party))
    known = await accounts.factors.pending(body.pending_token, step=PROVE)
    own = await accounts.factors.passkeys_of(Who.of(known))
    return Options(options=await accounts.factors.options(party, own))


@router.post("/sign-in/passkey")
async def sign_in_by_passkey(
    body: PasskeySignIn, request: Request, response: Response, parts: Parts
) -> SignedIn:
    """A session by a passkey alone: it says who it is, and is two factors by itself."""
    check_other_origin(request)
    opened = await accounts_of(request).sign_in_by_passkey(request, body.passkey, party_here(request))
    return await signed_in_body(request, response, parts, opened)


@router.post("/confirm", status_code=204)
async def confirm(body: ConfirmAsked, request: Request, _: Caller) -> Response:
    """Proves anew who one is: for ten minutes one may change one's factors.

    By a second factor; by the password only while there is none.
    """
    owner = owner_signed_in(request)
    assert owner.session is not None
    given = Confirmation(body.password, body.proof(), relying_party(request))
    await accounts_of(request).confirm(request, owner.session, owner.who, given)
    return Response(status_code=204)


@router.get("/factors")
async def show_factors(request: Request, _: Caller, parts: Parts) -> FactorsBody:
    """One's second factors."""
    return await factors_of(parts, owner_signed_in(request).who)


@router.post("/factors/totp", status_code=201)
async def begin_totp(changes: Changes) -> NewTotpBody:
    """A secret for an authenticator app; it counts once a code of it confirms it."""
    made = await changes.begin_totp()
    return NewTotpBody(secret=made.secret, address=made.address)


@router.post("/factors/totp/confirm")
async def confirm_totp(
    body: CodeAsked, request: Request, response: Response, changes: Changes
) -> FactorAdded:
    """The app counts from now on."""
    return await _told(request, response, await changes.confirm_totp(body.code))


@router.delete("/factors/totp", status_code=204)
async def remove_totp(changes: Changes) -> Response:
    """The app counts no longer."""
    await changes.remove_totp()
    return Response(status_code=204)


@router.post("/factors/passkeys/options")
async def new_passkey_options(request: Request, changes: Changes) -> Options:
    """What the browser asks a new passkey for."""
    return Options(options=await changes.passkey_options(party_here(request)))


@router.post("/factors/passkeys", status_code=201)
async def add_passkey(
    body: NewPasskeyAsked, request: Request, response: Response, changes: Changes
) -> FactorAdded:
    """A passkey that signs in from now on; twenty a user at most."""
    added = await changes.add_passkey(body.name, body.passkey, party_here(request))
    return await _told(request, response, added)


@router.delete("/factors/passkeys/{passkey_id}", status_code=204)
async def remove_passkey(passkey_id: InPath, changes: Changes) -> Response:
    """It signs in no longer."""
    await changes.remove_passkey(passkey_id)
    return Response(status_code=204)


@router.post("/factors/recovery-codes", status_code=201)
async def renew_recovery_codes(changes: Changes) -> RecoveryCodes:
    """Ten new ones; those from before work no longer."""
    return RecoveryCodes(recovery_codes=await changes.renew_recovery_codes())


async def factors_of(parts: ControlParts, who: Who) -> FactorsBody:
    """What a user has."""
    at = {"org_id": who.org_id, "user_id": who.user_id}
    async with parts.database.reading() as session:
        app = await factors.totp(session, **at)
        keys = await passkeys.of_user(session, **at)
        codes = await factors.recovery_codes_left(session, **at)
        policy = await factors.policy(session, org_id=who.org_id)
    return factors_body(app, keys, codes, policy)


async def _told(request: Request, response: Response, added: Added) -> FactorAdded:
    opened: Opened | None = added.opened
    told = await signed_in_body(request, response, parts_of(request), opened) if opened else None
    return FactorAdded(recovery_codes=added.recovery_codes, signed_in=told)
