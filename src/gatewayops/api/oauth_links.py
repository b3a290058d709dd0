"""What end users come to by a link in a mail: confirming their address, choosing a new password.

Looking at a link uses nothing up: mail scanners look too. Who forgot a password is answered as everybody is.
"""

from fastapi import Depends, Request, Response

from gatewayops.api import oauth_account_pages
from gatewayops.api.caller_address import address_of
from gatewayops.api.end_user_mail import EndUserMail, check_mailable
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import NotThisBrowser
from gatewayops.api.oauth_browser import Browser
from gatewayops.api.oauth_pages import hidden_field
from gatewayops.api.oauth_sign_in import checked, go_on, sentence, takes_passwords
from gatewayops.api.oauth_state import AtServer, Here, State, protected_server
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.base.errors import InvalidInput, TooMany
from gatewayops.identity.oauth.passwords import MIN_LENGTH
from gatewayops.identity.oauth.tokens import digest
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import end_user_links, end_users
from gatewayops.store.control.end_user_links import RESET, VERIFY, Link, Presented
from gatewayops.store.origin import Origin

router = LateRouter(
    prefix="/oauth/{slug}",
    include_in_schema=False,
    dependencies=[Depends(protected_server), Depends(takes_passwords)],
)

_WRONG = "The password is wrong."


@router.get("/forgot")
async def show_forgot(request: Request, here: AtServer) -> Response:
    """The form."""
    return oauth_account_pages.forgot(here.look, _request_field(request.query_params.get("request", "")))


@router.post("/forgot")
async def forgot(request: Request, here: AtServer, parts: Parts, state: State) -> Response:
    """Sends a link, if there is somebody to send it to; says the same to all."""
    browser = Browser(request, here, parts)
    given = await browser.fields()
    email, request_id = given.get("email").strip().lower(), given.get("request")
    mail = EndUserMail(request, here, parts, state)
    origin.enter(Origin(Actor("unknown"), address=address_of(request)))
    try:
        check_mailable(email)
        mail.count(email)
    except (InvalidInput, TooMany) as error:
        hidden = _request_field(request_id)
        return oauth_account_pages.forgot(here.look, hidden, email=email[:254], fault=sentence(error))
    mail.forgot(email, request_id if await _is_here(browser, request_id) else "")
    return oauth_account_pages.look_into_mail(here.look, email)


@router.get("/reset")
async def show_reset(request: Request, here: AtServer, parts: Parts) -> Response:
    """The form for a new password."""
    token = request.query_params.get("token", "")
    link = await _peek(here, parts, RESET, token)
    if link is None:
        return oauth_account_pages.no_such_link(here.look)
    return oauth_account_pages.reset(here.look, token, email=link.email, least=MIN_LENGTH)


@router.post("/reset")
async def reset(request: Request, here: AtServer, parts: Parts, state: State) -> Response:
    """A new password: the address is confirmed with it, and sessions and tokens of before end."""
    browser = Browser(request, here, parts)
    given = await browser.fields()
    token = given.get("token")
    link = await _peek(here, parts, RESET, token)
    if link is None:
        return oauth_account_pages.no_such_link(here.look)
    try:
        hashed = await state.passwords.hash(given.get("password"))
    except (InvalidInput, TooMany) as error:
        fault = sentence(error)
        return oauth_account_pages.reset(here.look, token, email=link.email, least=MIN_LENGTH, fault=fault)
    which = {"org_id": here.server.org_id, "ref": link.end_user_id}
    origin.enter(Origin(Actor("end_user", link.end_user_id, link.email), address=address_of(request)))
    try:
        async with parts.database.session() as session:
            await end_user_links.use(session, _presented(here, RESET, token))
            await end_users.set_password(session, password_hash=hashed, **which)
            await end_users.verify(session, **which)
    except InvalidInput:  # another was quicker
        return oauth_account_pages.no_such_link(here.look)
    is_here = await _is_here(browser, link.request_id)
    onward_url = browser.page_url("sign-in", link.request_id) if is_here else ""
    return oauth_account_pages.done(here.look, "Your new password is set", onward_url=onward_url)


@router.get("/verify")
async def show_verify(request: Request, here: AtServer, parts: Parts) -> Response:
    """Asks for the password."""
    token = request.query_params.get("token", "")
    link = await _peek(here, parts, VERIFY, token)
    if link is None:
        return oauth_account_pages.no_such_link(here.look)
    return oauth_account_pages.verify(here.look, token, email=link.email)


@router.post("/verify")
async def verify(request: Request, here: AtServer, parts: Parts, state: State) -> Response:
    """With the right password the address is confirmed; on to consent in the browser that began."""
    browser = Browser(request, here, parts)
    given = await browser.fields()
    token, address = given.get("token"), address_of(request)
    link = await _peek(here, parts, VERIFY, token)
    if link is None:
        return oauth_account_pages.no_such_link(here.look)
    try:
        user = await checked(
            here, parts, state, email=link.email, password=given.get("password"), address=address
        )
    except TooMany as error:
        return oauth_account_pages.verify(here.look, token, email=link.email, fault=sentence(error))
    if user is None or user.id != link.end_user_id:
        return oauth_account_pages.verify(here.look, token, email=link.email, fault=_WRONG)
    origin.enter(Origin(Actor("end_user", user.id, user.email), address=address))
    try:
        async with parts.database.session() as session:
            await end_user_links.use(session, _presented(here, VERIFY, token))
            user = await end_users.verify(session, org_id=here.server.org_id, ref=user.id)
    except InvalidInput:
        return oauth_account_pages.no_such_link(here.look)
    if await _is_here(browser, link.request_id):
        return await go_on(request, browser, here, parts, user, link.request_id)
    return oauth_account_pages.done(here.look, "Your address is confirmed", onward_url="")


async def _is_here(browser: Browser, request_id: str) -> bool:
    """Whether that authorization request waits in this very browser."""
    try:
        await browser.pending(request_id)
    except NotThisBrowser:
        return False
    return True


async def _peek(here: Here, parts: ControlParts, kind: str, token: str) -> Link | None:
    async with parts.database.reading() as session:
        return await end_user_links.peek(session, _presented(here, kind, token))


def _presented(here: Here, kind: str, token: str) -> Presented:
    return Presented(org_id=here.server.org_id, server_id=here.server.id, kind=kind, hash=digest(token))


def _request_field(request_id: str) -> str:
    return hidden_field("request", request_id) if request_id else ""
