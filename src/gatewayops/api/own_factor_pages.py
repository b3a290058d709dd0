"""`/second-factors`: one's own second factors, for who is signed in, or must add one before they are."""

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from types import MappingProxyType

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from gatewayops.api import factor_forms as html
from gatewayops.api.accounts import Confirmation
from gatewayops.api.audit_trail import enter_as
from gatewayops.api.browser import check_page, party_here, pending_cookie, relying_party, session_cookie
from gatewayops.api.factor_changes import Added, FactorChanges, Owner
from gatewayops.api.factor_pages import credential, proof_in, proving
from gatewayops.api.factors import factors_of
from gatewayops.api.forms import fields
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.pages import page
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.person import signed_in
from gatewayops.api.second_factor import Proof, Who
from gatewayops.api.shapes import Name
from gatewayops.api.sign_in_pages import welcome
from gatewayops.api.sign_in_shapes import accounts_of
from gatewayops.base.errors import GatewayOpsError, InvalidInput, Unauthenticated
from gatewayops.identity.user_tokens import form_token
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control.pending_sign_ins import ENROL

router = LateRouter(include_in_schema=False)

_AT = "/second-factors"
_TITLE = "Second factors"
_REQUIRED = "<p>Your organisation requires a second factor. Add one, and you are in.</p>"
_GO_ON = '<p><a href="{to}">Go on</a></p>'
_HOME = _GO_ON.format(to="/")
_NAME: TypeAdapter[str] = TypeAdapter(Name)


class _Here:
    """The owner in this browser, and the token that their forms prove themselves with."""

    def __init__(self, request: Request, parts: ControlParts, owner: Owner, token: str) -> None:
        self.request = request
        self.parts = parts
        self.owner = owner
        self.token = token
        self.accounts = accounts_of(request)
        self.changes = FactorChanges(request, parts, self.accounts, owner)


@router.get(_AT)
async def show(request: Request, parts: Parts) -> Response:
    """What one has, and what may be changed."""
    try:
        return await _page(await _here(request, parts))
    except Unauthenticated:
        return RedirectResponse("/sign-in", status_code=303)


@router.post(_AT)
async def change(request: Request, parts: Parts) -> Response:
    """Does what one of the page's forms asks for."""
    try:
        here = await _here(request, parts)
    except Unauthenticated:
        return RedirectResponse("/sign-in", status_code=303)
    try:
        given = await fields(request)
        check_page(request, here.token, given.get("form_token", "-"))
        work = _FORMS.get(given.get("do", ""))
        if work is None:
            msg = "form: not one of this page"
            raise InvalidInput(msg)
        return await work(here, given)
    except GatewayOpsError as error:
        if error.status >= 500:
            raise
        shown = await _page(here, error=error)
        shown.headers.update(dict(error.headers))
        return shown


async def _here(request: Request, parts: ControlParts) -> _Here:
    token = pending_cookie(request)
    if token:
        try:
            known = await accounts_of(request).factors.pending(token, step=ENROL)
        except Unauthenticated:
            pass  # over, or of another step: perhaps they are signed in
        else:
            enter_as(request, Actor("user", known.user_id, known.email))
            return _Here(request, parts, Owner(Who.of(known), pending=known), token)
    token = session_cookie(request)
    found = await signed_in(parts.database, token)
    if found is None:
        msg = "sign in first"
        raise Unauthenticated(msg)
    enter_as(request, Actor("user", found.session.user_id, found.email))
    return _Here(request, parts, Owner(Who.signed_in(found), session=found.session), token)


async def _page(here: _Here, *, error: GatewayOpsError | None = None) -> HTMLResponse:
    token, session = form_token(here.token), here.owner.session
    held = await factors_of(here.parts, here.owner.who)
    body = html.error_line(error.detail.partition(": ")[2] or error.detail if error else "")
    body += _REQUIRED if session is None else ""
    if session is not None and not session.is_fresh:
        way = await proving(here.request, here.owner.who, here.token, action=_AT, do="confirm")
        body += html.confirmation(way)
    else:
        party = relying_party(here.request)
        options = await here.changes.passkey_options(party) if party else None
        body += html.changes(token, held, options)
    body += _HOME if session is not None else ""
    return page(_TITLE, body, has_form=True, has_script=True, status=error.status if error else 200)


async def _confirm(here: _Here, given: Mapping[str, str]) -> Response:
    if here.owner.session is not None:
        shown = Confirmation(given.get("password", ""), Proof(**proof_in(given)), relying_party(here.request))
        await here.accounts.confirm(here.request, here.owner.session, here.owner.who, shown)
    return _back()


async def _begin_totp(here: _Here, _: Mapping[str, str]) -> Response:
    made = await here.changes.begin_totp()
    body = html.new_app(form_token(here.token), secret=made.secret, address=made.address)
    return page("A new authenticator app", body, has_form=True)


async def _confirm_totp(here: _Here, given: Mapping[str, str]) -> Response:
    return _added(here, await here.changes.confirm_totp(given.get("code", "")))


async def _remove_totp(here: _Here, _: Mapping[str, str]) -> Response:
    await here.changes.remove_totp()
    return _back()


async def _add_passkey(here: _Here, given: Mapping[str, str]) -> Response:
    try:
        name = _NAME.validate_python(given.get("name", ""))
    except ValidationError as error:
        msg = "name: 1 to 255 characters"
        raise InvalidInput(msg) from error
    made = credential(given)
    return _added(here, await here.changes.add_passkey(name, made, party_here(here.request)))


async def _remove_passkey(here: _Here, given: Mapping[str, str]) -> Response:
    await here.changes.remove_passkey(given.get("passkey_id", ""))
    return _back()


async def _renew_codes(here: _Here, _: Mapping[str, str]) -> Response:
    codes = await here.changes.renew_recovery_codes()
    return page(_TITLE, html.recovery_codes(codes) + _HOME, has_form=True)


def _added(here: _Here, added: Added) -> Response:
    if not added.recovery_codes and added.opened is None:
        return _back()
    go_on = _GO_ON.format(to=escape(here.owner.who.return_to))
    shown = page("Added", html.recovery_codes(added.recovery_codes) + go_on, has_form=True)
    return welcome(here.request, shown, added.opened) if added.opened else shown


def _back() -> Response:
    return RedirectResponse(_AT, status_code=303)


_FORMS: Mapping[str, Callable[[_Here, Mapping[str, str]], Awaitable[Response]]] = MappingProxyType(
    {
        "confirm": _confirm,
        "begin-totp": _begin_totp,
        "confirm-totp": _confirm_totp,
        "remove-totp": _remove_totp,
        "add-passkey": _add_passkey,
        "remove-passkey": _remove_passkey,
        "renew-codes": _renew_codes,
    }
)
