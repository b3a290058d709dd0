"""End users sign in at a provider of their server's choice: out by a button, back by a redirect.

What comes back makes a session here and nothing more: consent is asked on our own page afterwards, whoever
vouched for the person. Faults are told by a word of ours, never by what the provider or a link says.
"""

from typing import Annotated

from fastapi import Depends, Path, Request, Response

from gatewayops.api import oauth_provider_pages, oauth_providers
from gatewayops.api.caller_address import address_of
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import NotThisBrowser, pairs_of
from gatewayops.api.oauth_browser import Browser
from gatewayops.api.oauth_pages import fault_page, onward
from gatewayops.api.oauth_providers import Visit
from gatewayops.api.oauth_sign_in import checked, go_on, sentence, tell_failed
from gatewayops.api.oauth_state import AtServer, OAuthState, State, protected_server
from gatewayops.api.parts import Parts
from gatewayops.base.errors import Conflict, GatewayOpsError, InvalidInput, NotFound, TooMany, UpstreamError
from gatewayops.identity.federation.refusal import FederationRefused
from gatewayops.identity.oauth.authorization import Parameters, check_single, parameters
from gatewayops.identity.oauth.refusals import OAuthRefused
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor, Target
from gatewayops.store.control import end_user_identities, end_users, sign_in_attempts
from gatewayops.store.control.end_user_identities import AddressTaken, NotAdmitted
from gatewayops.store.control.end_users import EndUser
from gatewayops.store.control.sign_in_attempts import Left
from gatewayops.store.control.sign_in_providers import Provider
from gatewayops.store.external_identity import ExternalIdentity
from gatewayops.store.origin import Origin
from gatewayops.upstream.federation.relying_party import Answer

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])

ProviderId = Annotated[str, Path(pattern="^sip_[0-9A-Za-z]{1,60}$")]
_WRONG = "The password is wrong."
_FAULTS = (NotFound, InvalidInput, FederationRefused, UpstreamError)  # of a provider and its addresses
_NOTHING_WAITS = "No account waits to be connected here. Begin again."


async def _visit(request: Request, here: AtServer, parts: Parts, state: State) -> Visit:
    return Visit(Browser(request, here, parts), here, parts, state)


Visiting = Annotated[Visit, Depends(_visit)]


@router.post("/sign-in/{provider}")
async def leave(provider: ProviderId, request: Request, visit: Visiting) -> Response:
    """Sends the browser to the provider, after a click on the sign-in page."""
    _, pending = await visit.browser.form()
    try:
        _count(visit.state, address_of(request))
        known = await oauth_providers.enabled(visit, provider)
        return onward(await oauth_providers.leave(visit, known, pending))
    except TooMany:  # not told: else whoever clicks on fills the audit log
        return onward(f"{visit.browser.page_url('sign-in', pending.id)}&fault=often")
    except _FAULTS as error:
        return await _back(request, visit, pending.id, provider, error)


@router.get("/sign-in/{provider}/callback")
async def come_back(provider: ProviderId, request: Request, visit: Visiting) -> Response:
    """On to consent; back to the sign-in page with what went wrong; or to proving who one is here."""
    try:
        given = parameters(pairs_of(request.scope["query_string"]))
        check_single(given)
    except OAuthRefused as error:
        return fault_page(error.detail, look=visit.here.look)
    left = await oauth_providers.used_up(visit, provider, given.get("state"))
    pending = await visit.browser.pending(left.request_id)
    try:
        _check_signed_in(given)
        known = await oauth_providers.enabled(visit, provider)
        answer = Answer(given.get("code"), given.get("iss"))
        who = await oauth_providers.identity(visit, known, left, state=given.get("state"), answer=answer)
        user = await _admitted(request, visit, known, left, who)
    except (*_FAULTS, NotAdmitted, Conflict) as error:
        return await _back(request, visit, pending.id, provider, error)
    return await go_on(request, visit.browser, visit.here, visit.parts, user, pending.id)


@router.get("/connect")
async def show_connect(request: Request, visit: Visiting) -> Response:
    """The question for the password of an account that was there before."""
    pending = await visit.browser.pending(request.query_params.get("request", ""))
    _, known, who = await _waiting(visit, pending.id)
    return _connect_form(visit, pending.id, known, who)


@router.post("/connect")
async def connect(request: Request, visit: Visiting) -> Response:
    """Both proved in one browser, at one address: from now on one person."""
    given, pending = await visit.browser.form()
    attempt_id, known, who = await _waiting(visit, pending.id)
    address = address_of(request)
    try:
        user = await checked(
            visit.here,
            visit.parts,
            visit.state,
            email=who.email,
            password=given.get("password"),
            address=address,
        )
    except TooMany as error:
        return _connect_form(visit, pending.id, known, who, fault=sentence(error))
    if user is None:
        return _connect_form(visit, pending.id, known, who, fault=_WRONG)
    origin.enter(Origin(Actor("end_user", user.id, user.email), address=address))
    try:
        async with visit.parts.database.session() as session:
            if not await sign_in_attempts.end(session, visit.whose, attempt_id=attempt_id):
                raise NotThisBrowser(_NOTHING_WAITS)
            await end_user_identities.connect(session, user, who)
            await end_users.verify(session, org_id=user.org_id, ref=user.id)  # the address is the same
    except Conflict as error:  # meanwhile they came in elsewhere
        raise NotThisBrowser(_NOTHING_WAITS) from error
    return await go_on(request, visit.browser, visit.here, visit.parts, user, pending.id)


def _connect_form(
    visit: Visit, request_id: str, provider: Provider, who: ExternalIdentity, *, fault: str = ""
) -> Response:
    return oauth_provider_pages.connect(
        visit.here.look,
        who.email,
        provider.name,
        visit.browser.hidden(request_id),
        other_way=visit.browser.page_url("sign-in", request_id),
        fault=fault,
    )


def _count(state: OAuthState, address: str) -> None:
    """Each click is a row, and questions to somebody else. Raises TooMany."""
    state.leaving.check(address)
    state.leaving.add(address)


def _check_signed_in(given: Parameters) -> None:
    """Raises FederationRefused for an answer that is a refusal (OpenID Connect Core, 3.1.2.6)."""
    error = given.get("error")
    if error == "access_denied":
        raise _Canceled("the person did not sign in there, or did not agree")
    if error:
        word = error if error.isascii() and error.replace("_", "").isalnum() else "?"
        msg = f"the provider refused: {word[:64]}"
        raise FederationRefused(msg)


class _Canceled(FederationRefused):
    """By the person."""


async def _admitted(
    request: Request, visit: Visit, provider: Provider, left: Left, who: ExternalIdentity
) -> EndUser:
    """Raises NotAdmitted; AddressTaken, after which the person may prove whose the address is."""
    origin.enter(Origin(Actor("unknown"), address=address_of(request)))
    try:
        try:
            return await _admit(visit, provider, who)
        except Conflict:  # the same person, in another tab at the same moment
            return await _admit(visit, provider, who)
    except AddressTaken as error:
        async with visit.parts.database.session() as session:
            if _is_provable(visit, error):
                await sign_in_attempts.keep_identity(session, visit.whose, left, who)
            elif not visit.here.server.offers_password:
                return await end_user_identities.take_over(session, error, who)
        raise


async def _admit(visit: Visit, provider: Provider, who: ExternalIdentity) -> EndUser:
    async with visit.parts.database.session() as session:
        return await end_user_identities.admit(session, provider, who)


async def _waiting(visit: Visit, request_id: str) -> tuple[str, Provider, ExternalIdentity]:
    async with visit.parts.database.reading() as session:
        found = await sign_in_attempts.waiting(session, visit.whose, request_id=request_id)
    if found is None or not visit.here.server.offers_password:
        raise NotThisBrowser(_NOTHING_WAITS)
    attempt_id, provider_id, who = found
    try:
        return attempt_id, await oauth_providers.enabled(visit, provider_id), who
    except NotFound as error:
        raise NotThisBrowser(oauth_provider_pages.FAULTS["off"]) from error


def _is_provable(visit: Visit, error: GatewayOpsError) -> bool:
    return isinstance(error, AddressTaken) and error.has_password and visit.here.server.offers_password


async def _back(
    request: Request, visit: Visit, request_id: str, provider: str, error: GatewayOpsError
) -> Response:
    """To a page of ours, without what the provider added to its address; and into the audit log."""
    word = _word(error)
    target = Target("sign_in_provider", provider)
    await tell_failed(
        visit.here, visit.parts, target, reason=word, detail=error.detail, address=address_of(request)
    )
    if _is_provable(visit, error):
        return onward(visit.browser.page_url("connect", request_id))
    return onward(f"{visit.browser.page_url('sign-in', request_id)}&fault={word}")


def _word(error: GatewayOpsError) -> str:
    """One of oauth_provider_pages.FAULTS."""
    if isinstance(error, NotAdmitted):
        return error.why
    return next((word for kind, word in _WORDS if isinstance(error, kind)), "unreachable")


_WORDS = (
    (_Canceled, "canceled"),
    (FederationRefused, "refused"),
    (NotFound, "off"),
    (Conflict, "taken"),
)
