"""Signing in with e-mail and password, and making an account where the server allows it.

Whether a person exists shows neither in the answer nor in its time. Attempts are limited for a person at an
address, for an address, and loosely for a person, so that guessing from elsewhere locks nobody out for long.
"""

import re
from contextlib import suppress

from fastapi import Depends, Request, Response

from gatewayops.api import oauth_account_pages, oauth_pages, oauth_provider_pages
from gatewayops.api.caller_address import address_of
from gatewayops.api.end_user_mail import EndUserMail, check_mailable
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import NoSuchPage
from gatewayops.api.oauth_browser import Browser
from gatewayops.api.oauth_pages import onward
from gatewayops.api.oauth_state import AtServer, Here, OAuthState, State, protected_server
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.base.errors import Conflict, GatewayOpsError, InvalidInput, TooMany
from gatewayops.identity.oauth.authorization import Parameters
from gatewayops.identity.oauth.passwords import MIN_LENGTH
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor, Draft, Target
from gatewayops.store.control import audit, end_users, sign_in_providers
from gatewayops.store.control.end_users import Account, EndUser, NewSession
from gatewayops.store.origin import Origin

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")
_WRONG = "The e-mail address or the password is wrong."
_TAKEN = "An account cannot be made with this address. If it is yours, sign in."


@router.get("/sign-in")
async def show_sign_in(request: Request, here: AtServer, parts: Parts) -> Response:
    """The form."""
    browser = Browser(request, here, parts)
    pending = await browser.pending(request.query_params.get("request", ""))
    fault = oauth_provider_pages.FAULTS.get(request.query_params.get("fault", ""), "")
    return await _sign_in_form(browser, here, parts, pending.id, fault=fault)


@router.post("/sign-in")
async def sign_in(request: Request, here: AtServer, parts: Parts, state: State) -> Response:
    """On to consent, or the form again."""
    takes_passwords(here)
    browser = Browser(request, here, parts)
    given, pending = await browser.form()
    email = given.get("email").strip().lower()
    address = address_of(request)
    try:
        user = await checked(here, parts, state, email=email, password=given.get("password"), address=address)
    except TooMany as error:
        return await _sign_in_form(browser, here, parts, pending.id, email=email, fault=sentence(error))
    if user is None:
        return await _sign_in_form(browser, here, parts, pending.id, email=email, fault=_WRONG)
    if here.server.requires_verified_email and user.email_verified_at is None:
        mail = EndUserMail(request, here, parts, state)
        origin.enter(Origin(Actor("end_user", user.id, user.email), address=address))
        with suppress(TooMany):  # then there are some already
            mail.count(user.email)
            mail.confirm(user, pending.id)
        return oauth_account_pages.look_into_mail(here.look, user.email)
    return await go_on(request, browser, here, parts, user, pending.id)


@router.get("/sign-up")
async def show_sign_up(request: Request, here: AtServer, parts: Parts) -> Response:
    """The form."""
    _check_allowed(here)
    browser = Browser(request, here, parts)
    pending = await browser.pending(request.query_params.get("request", ""))
    return oauth_pages.sign_up(here.look, browser.hidden(pending.id), least=MIN_LENGTH)


@router.post("/sign-up")
async def sign_up(request: Request, here: AtServer, parts: Parts, state: State) -> Response:
    """On to consent, or the form again; by way of a mail where addresses must be confirmed."""
    _check_allowed(here)
    browser = Browser(request, here, parts)
    given, pending = await browser.form()
    email, address = given.get("email").strip().lower(), address_of(request)
    try:
        state.registrations.check("sign-up", here.server.id, address)
        state.registrations.add("sign-up", here.server.id, address)
        origin.enter(Origin(Actor("unknown"), address=address))
        if here.server.requires_verified_email:
            return await _signed_up_by_mail(
                EndUserMail(request, here, parts, state), here, state, given=given, request_id=pending.id
            )
        user = await _made(here, parts, state, email=email, password=given.get("password"))
    except (TooMany, InvalidInput, Conflict) as error:
        fault = _TAKEN if isinstance(error, Conflict) else sentence(error)
        hidden = browser.hidden(pending.id)
        return oauth_pages.sign_up(here.look, hidden, least=MIN_LENGTH, email=email[:254], fault=fault)
    return await go_on(request, browser, here, parts, user, pending.id)


async def checked(
    here: Here, parts: ControlParts, state: OAuthState, *, email: str, password: str, address: str
) -> EndUser | None:
    """Whose password it is; None when it is nobody's. Raises TooMany."""
    org_id = here.server.org_id
    counters = (
        (state.by_person_and_address, (org_id, email, address)),
        (state.by_address, (address,)),
        (state.by_person, (org_id, email)),
    )
    for counter, who in counters:
        counter.check(*who)
        counter.add(*who)
    account: Account | None = None
    if _EMAIL.fullmatch(email):
        async with parts.database.reading() as session:
            account = await end_users.account(session, org_id=org_id, email=email)
    if await state.passwords.is_right(password, account.password_hash if account else ""):
        assert account is not None
        for counter, who in counters:
            counter.forget(*who)
        return account.user
    target = Target("end_user", account.user.id if account else "")
    await tell_failed(here, parts, target, reason="password_wrong", address=address)
    return None


async def tell_failed(
    here: Here, parts: ControlParts, target: Target, *, reason: str, address: str, detail: str = ""
) -> None:
    """In the audit log: of whom, when there is such a person; never what was typed."""
    draft = Draft(
        action="end_user.sign_in_failed",
        actor=Actor("unknown"),
        target=target,
        reason=reason,
        detail=detail,
        address=address,
    )
    async with parts.database.session() as session:
        audit.note(session, here.server.org_id, draft)


async def _made(here: Here, parts: ControlParts, state: OAuthState, *, email: str, password: str) -> EndUser:
    if not _EMAIL.fullmatch(email):
        msg = "email: an address such as ada@example.com"
        raise InvalidInput(msg)
    hashed = await state.passwords.hash(password)
    async with parts.database.session() as session:
        return await end_users.add(
            session, org_id=here.server.org_id, email=email, name="", password_hash=hashed
        )


async def _signed_up_by_mail(
    mail: EndUserMail, here: Here, state: OAuthState, *, given: Parameters, request_id: str
) -> Response:
    """The same answer, after the same work, whether the address is somebody's already or not."""
    email = given.get("email").strip().lower()
    check_mailable(email)
    hashed = await state.passwords.hash(given.get("password"))
    mail.count(email)
    mail.sign_up(email, hashed, request_id)
    return oauth_account_pages.look_into_mail(here.look, email)


async def go_on(
    request: Request, browser: Browser, here: Here, parts: ControlParts, user: EndUser, request_id: str
) -> Response:
    """A new session in this browser, and on to consent."""
    answer = onward(browser.page_url("consent", request_id))
    new = NewSession(
        server_id=here.server.id,
        end_user_id=user.id,
        digest=browser.keep_session(answer),
        address=address_of(request)[:64],
        user_agent=request.headers.get("user-agent", "")[:255],
    )
    origin.enter(Origin(Actor("end_user", user.id, user.email), address=new.address))
    async with parts.database.session() as session:
        await end_users.begin_session(session, org_id=here.server.org_id, new=new)
    return answer


async def _sign_in_form(
    browser: Browser, here: Here, parts: ControlParts, request_id: str, *, email: str = "", fault: str = ""
) -> Response:
    server, hidden = here.server, browser.hidden(request_id)
    async with parts.database.reading() as session:
        providers = await sign_in_providers.offered(session, org_id=server.org_id, server_id=server.id)
    elsewhere = oauth_provider_pages.buttons(providers, hidden, issuer=here.issuer)
    if not server.offers_password:
        return oauth_provider_pages.sign_in_elsewhere(here.look, elsewhere, fault=fault)
    sign_up_url = browser.page_url("sign-up", request_id) if server.allows_sign_up else ""
    more = oauth_pages.other_ways(forgot_url=browser.page_url("forgot", request_id), sign_up_url=sign_up_url)
    return oauth_pages.sign_in(here.look, hidden, more=elsewhere + more, email=email[:254], fault=fault)


def _check_allowed(here: Here) -> None:
    if not here.server.allows_sign_up or not here.server.offers_password:
        msg = "Accounts of this server are made by its operator."
        raise NoSuchPage(msg)


def takes_passwords(here: AtServer) -> None:
    """Raises NoSuchPage where people sign in at providers only, also for who comes by an older mail."""
    if not here.server.offers_password:
        msg = (
            "This server takes no passwords now. Begin again in your app, and sign in by one of its buttons."
        )
        raise NoSuchPage(msg)


def sentence(error: GatewayOpsError) -> str:
    """What an error says, for a person."""
    return error.detail[:1].upper() + error.detail[1:] + "."
