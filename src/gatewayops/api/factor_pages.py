"""The pages of the second step, of passkeys, and of one's own second factors; the same as the API, as forms.

The step is bound to the browser of the first: its token is in a cookie. Passkeys need a script, which is one
small file of ours.
"""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from gatewayops.api import factor_forms as html
from gatewayops.api.accounts import Opened
from gatewayops.api.browser import (
    check_can_keep_cookie,
    check_origin,
    check_page,
    party_here,
    pending_cookie,
    relying_party,
)
from gatewayops.api.factor_shapes import SecondFactorAsked
from gatewayops.api.forms import fields, read
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.pages import SCRIPT, page
from gatewayops.api.second_factor import SecondFactorRequired, Who
from gatewayops.api.sign_in_pages import enter, welcome
from gatewayops.api.sign_in_shapes import accounts_of
from gatewayops.base.errors import GatewayOpsError, InvalidInput, Unauthenticated
from gatewayops.identity.user_tokens import form_token
from gatewayops.store.control.pending_sign_ins import AGREE, CHOOSE, PROVE, Pending

router = LateRouter(include_in_schema=False)

_SOURCE = Path(__file__).with_name("passkeys.js").read_text()
_STEP = "The second step"
_OVER = '<p><a href="/sign-in">Begin again</a></p>'


@router.get(SCRIPT)
async def script() -> Response:
    """The one script that our pages have."""
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=300"}
    return Response(_SOURCE, media_type="text/javascript", headers=headers)


@router.get("/sign-in/passkey")
async def passkey_form(request: Request) -> HTMLResponse:
    """Asks for a passkey, whosever it is."""
    return await _passkey_page(request)


@router.post("/sign-in/passkey")
async def sign_in_by_passkey(request: Request) -> Response:
    """Begins a session."""
    try:
        check_origin(request)
        check_can_keep_cookie(request)
        given = credential(await fields(request))
        opened = await accounts_of(request).sign_in_by_passkey(request, given, party_here(request))
        return welcome(request, RedirectResponse("/", 303), opened)
    except GatewayOpsError as error:
        return _or_raised(error, await _passkey_page(request, error=error))


@router.get("/sign-in/organization")
async def organization_form(request: Request) -> Response:
    """Asks in which of the organisations whose password was given."""
    known = await _waiting(request, CHOOSE)
    if known is None:
        return RedirectResponse("/sign-in", status_code=303)
    choices = await accounts_of(request).factors.choices(known)
    body = html.organizations(form_token(pending_cookie(request)), choices)
    return page("Which organisation?", body, has_form=True)


@router.post("/sign-in/organization")
async def choose_organization(request: Request) -> Response:
    """Goes on there."""
    try:
        token, given = await _form(request)
        factors = accounts_of(request).factors
        who = await factors.choose(await factors.pending(token, step=CHOOSE), given.get("organization", ""))
        return await enter(request, who)
    except GatewayOpsError as error:
        return _or_raised(error, _over(error))


@router.get("/sign-in/agree")
async def agree_form(request: Request) -> Response:
    """Asks whether they want to be whom a provider sent unasked."""
    known = await _waiting(request, AGREE)
    if known is None:
        return RedirectResponse("/sign-in", status_code=303)
    token = pending_cookie(request)
    text = f"<p>Your identity provider says that you are {escape(known.email)}.</p>"
    body = text + html.form("/sign-in/agree", form_token(token), "<button>Sign in</button>")
    return page("Sign in?", body + '<p><a href="/">Not now</a></p>', has_form=True)


@router.post("/sign-in/agree")
async def agree(request: Request) -> Response:
    """Goes on as that user."""
    try:
        token, _ = await _form(request)
        factors = accounts_of(request).factors
        known = await factors.pending(token, step=AGREE)
        return await enter(request, await factors.agree(known), method=known.method)
    except GatewayOpsError as error:
        return _or_raised(error, _over(error))


@router.get("/sign-in/second-factor")
async def second_factor_form(request: Request) -> Response:
    """Asks for a second factor."""
    known = await _waiting(request, PROVE)
    if known is None:
        return RedirectResponse("/sign-in", status_code=303)
    return await _step_page(request, known)


@router.post("/sign-in/second-factor")
async def second_factor(request: Request) -> Response:
    """Begins the session."""
    accounts = accounts_of(request)
    try:
        token, given = await _form(request)
        known = await accounts.factors.pending(token, step=PROVE)
    except GatewayOpsError as error:
        return _or_raised(error, _over(error))
    try:
        asked = read(SecondFactorAsked, {"pending_token": token} | proof_in(given))
        opened: Opened = await accounts.finish(request, known, asked.proof(), relying_party(request))
    except GatewayOpsError as error:
        return _or_raised(error, await _step_page(request, known, error=error))
    return welcome(request, RedirectResponse(known.return_to, 303), opened)


def credential(given: Mapping[str, str]) -> dict[str, Any]:
    """A passkey's answer in a form, which the script put there. Raises InvalidInput."""
    try:
        found = json.loads(given.get("passkey", ""))
    except (ValueError, RecursionError) as error:
        msg = "passkey: the browser sent none"
        raise InvalidInput(msg) from error
    if not isinstance(found, dict):
        msg = "passkey: not what a browser sends"
        raise InvalidInput(msg)
    return found


async def proving(request: Request, who: Who, token: str, *, action: str, do: str = "") -> html.Proving:
    """What a page needs on which this user proves who they are."""
    factors, party = accounts_of(request).factors, relying_party(request)
    own = await factors.passkeys_of(who) if party else ()
    options = await factors.options(party, own) if party and own else None
    return html.Proving(action, form_token(token), await factors.kinds(who), options, do)


def proof_in(given: Mapping[str, str]) -> dict[str, Any]:
    """The second factor that a form holds."""
    found: dict[str, Any] = {name: given[name] for name in ("code", "recovery_code") if given.get(name)}
    return found | ({"passkey": credential(given)} if given.get("passkey") else {})


async def _waiting(request: Request, step: str) -> Pending | None:
    """What waits for that step in this browser."""
    try:
        return await accounts_of(request).factors.pending(pending_cookie(request), step=step)
    except Unauthenticated:
        return None


async def _form(request: Request) -> tuple[str, dict[str, str]]:
    """The token of what waits in this browser, and a form of ours that goes on with it."""
    token, given = pending_cookie(request), await fields(request)
    check_page(request, token, given.get("form_token", "-"))
    return token, given


async def _step_page(request: Request, known: Pending, error: GatewayOpsError | None = None) -> HTMLResponse:
    who, token = Who.of(known), pending_cookie(request)
    way = await proving(request, who, token, action="/sign-in/second-factor")
    body = html.error_line(error.detail if error else "") + html.ways(way)
    return page(_STEP, body + _OVER, has_form=True, has_script=True, status=error.status if error else 200)


async def _passkey_page(request: Request, error: GatewayOpsError | None = None) -> HTMLResponse:
    try:
        options = await accounts_of(request).begin_passkey(request, party_here(request))
    except GatewayOpsError as refusal:
        error, options = error or refusal, None
    body = html.error_line(error.detail if error else "")
    if options is not None:
        inside = html.passkey_button("get", options, "Use your passkey")
        body += f'<form method="post" action="/sign-in/passkey">{inside}</form>'
    body += '<p><a href="/sign-in">Sign in another way</a></p>'
    status = error.status if error else 200
    return page("Sign in with a passkey", body, has_form=True, has_script=True, status=status)


def _over(error: GatewayOpsError) -> HTMLResponse:
    return page(_STEP, html.error_line(error.detail) + _OVER, has_form=True, status=error.status)


def _or_raised(error: GatewayOpsError, shown: HTMLResponse) -> HTMLResponse:
    if error.status >= 500 or isinstance(error, SecondFactorRequired):
        raise error
    shown.headers.update(dict(error.headers))
    return shown
