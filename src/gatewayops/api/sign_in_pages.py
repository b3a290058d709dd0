"""The pages of passwords: `/sign-in/password`, `/setup` (the first administrator), `/invitation`,
`/forgot`, `/reset`.

Forms that need no script. A GET uses nothing up, so that whoever looks at links before people do breaks
none. Each POST must come from a page of ours; one that changes a session carries its form token besides.
"""

from collections.abc import Awaitable, Callable
from html import escape
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from msgspec import structs
from starlette.responses import Response

from gatewayops.api import joining
from gatewayops.api.accounts import Credentials, Opened
from gatewayops.api.browser import (
    check_can_keep_cookie,
    check_origin,
    check_page,
    end_session_cookie,
    pending_cookie,
    session_cookie,
    set_pending_cookie,
    set_session_cookie,
)
from gatewayops.api.forms import Shape, fields, read
from gatewayops.api.joining import Joining
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.pages import page
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.person import signed_in
from gatewayops.api.second_factor import SecondFactorRequired, Who
from gatewayops.api.shapes import Email
from gatewayops.api.sign_in_shapes import AcceptAsked, PasswordAsked, ResetAsked, SignInAsked, accounts_of
from gatewayops.api.sso import safe_return
from gatewayops.base.errors import GatewayOpsError, InvalidInput
from gatewayops.identity.passwords import MIN_LENGTH
from gatewayops.identity.user_tokens import form_token
from gatewayops.store.control.one_time_links import FIRST_ADMIN, INVITATION, RESET
from gatewayops.store.control.pending_sign_ins import LIFE, PROVE
from gatewayops.store.control.user_sessions import ABSOLUTE, SignedIn

router = LateRouter(include_in_schema=False)


class SetupAsked(AcceptAsked):
    """Of the first administrator."""

    email: Email


class _Form(NamedTuple):
    """A form page: fields are (name, label, type, autocomplete)."""

    title: str
    intro: str
    action: str
    fields: tuple[tuple[str, str, str, str], ...]
    button: str
    after: str = ""


_EMAIL = ("email", "E-mail address", "email", "username")
_NAME = ("name", "Name", "text", "name")
_NEW = ("password", f"Password, {MIN_LENGTH} characters at least", "password", "new-password")
_OLD = ("password", "Password", "password", "current-password")
_SLUG = ("organization", "Organisation (only if you belong to several)", "text", "organization")

_SIGN_IN = _Form(
    "Sign in",
    "",
    "/sign-in",
    (_EMAIL, _OLD, _SLUG),
    "Sign in",
    '<p><a href="/sign-in/passkey">Use a passkey</a> · <a href="/forgot">Forgot it?</a></p>',
)
_SETUP = _Form(
    "The first administrator",
    "Nobody can sign in yet. Whoever fills this in administers this installation.",
    "/setup",
    (_EMAIL, _NAME, _NEW),
    "Begin",
)
_INVITATION = _Form("Accept the invitation", "", "/invitation", (_NAME, _NEW), "Accept")
_FORGOT = _Form(
    "A new password",
    "We send a link to your address, if it is known here.",
    "/forgot",
    (_EMAIL, _SLUG),
    "Send",
)
_RESET = _Form("Choose a new password", "It signs you out everywhere.", "/reset", (_NEW,), "Set")


@router.get("/sign-in/password")
async def sign_in_form(organization: str = "", return_to: str = "") -> HTMLResponse:
    """Asks for address and password, of the organisation that a link names."""
    return password_form("", organization, return_to)


def password_form(email: str, organization: str, return_to: str = "") -> HTMLResponse:
    """The form for a person whose address leads to no identity provider; afterwards to a path of ours."""
    return _shown(_SIGN_IN, {"email": email, "organization": organization, "return_to": return_to})


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Begins a session."""

    async def work(asked: SignInAsked) -> Response:
        given = Credentials(asked.email, asked.password, asked.organization)
        accounts = accounts_of(request)
        to = safe_return((await fields(request)).get("return_to", "/"))
        known = [
            structs.replace(Who.of(one), return_to=to) for one in await accounts.matching(request, given)
        ]
        if len(known) == 1:
            return await enter(request, known[0])
        return wait(request, "/sign-in/organization", await accounts.factors.wait_for_choice(known))

    return await _answer(request, _SIGN_IN, SignInAsked, work)


@router.post("/sign-out")
async def sign_out(request: Request, parts: Parts) -> Response:
    """Ends the browser's session."""
    token = session_cookie(request)
    found = await signed_in(parts.database, token)
    response = RedirectResponse("/", status_code=303)
    if found is not None:
        form = await fields(request)
        check_page(request, token, form.get("form_token", "-"))
        async with parts.database.session() as session:
            await accounts_of(request).end(session, found.session)
    end_session_cookie(request, response)
    return response


@router.get("/setup")
async def setup_form(parts: Parts, token: str = "") -> HTMLResponse:
    """Asks who the first administrator is."""
    return await _of_link(parts, _SETUP, FIRST_ADMIN, token)


@router.post("/setup")
async def setup(request: Request, parts: Parts) -> Response:
    """Makes the first administrator and signs them in."""

    async def work(asked: SetupAsked) -> Response:
        accounts = accounts_of(request)
        given = Joining(token=asked.token, password=asked.password, name=asked.name, email=asked.email)
        who = await joining.begin(request, parts.database, accounts, given)
        return await enter(request, who)

    return await _answer(request, _SETUP, SetupAsked, work)


@router.get("/invitation")
async def invitation_form(request: Request, parts: Parts, token: str = "") -> HTMLResponse:
    """Asks for a name and a password; who is signed in elsewhere may keep the one that they have."""
    own = session_cookie(request)
    known = await signed_in(parts.database, own)
    if known is None or not await _may_keep(parts, known, token):
        return await _of_link(parts, _INVITATION, INVITATION, token)
    inside = (
        f'<input type="hidden" name="token" value="{escape(token)}">'
        f'<input type="hidden" name="form_token" value="{form_token(own)}">'
        '<button name="keeps_password" value="true">Join with the password that I have</button>'
    )
    after = f'<form method="post" action="/invitation">{inside}</form>'
    return await _of_link(parts, _INVITATION._replace(after=after), INVITATION, token)


@router.post("/invitation")
async def accept_invitation(request: Request, parts: Parts) -> Response:
    """Joins the organisation and signs in."""

    async def work(asked: AcceptAsked) -> Response:
        accounts = accounts_of(request)
        known = await signed_in(parts.database, session_cookie(request)) if asked.keeps_password else None
        if known is not None:
            check_page(request, session_cookie(request), (await fields(request)).get("form_token", "-"))
        given = Joining(
            token=asked.token,
            password=asked.password,
            name=asked.name or (known.name if known else ""),
            keeps=known,
        )
        who = await joining.accept(request, parts.database, accounts, given)
        return await enter(request, who)

    return await _answer(request, _INVITATION, AcceptAsked, work)


@router.get("/forgot")
async def forgot_form() -> HTMLResponse:
    """Asks for the address."""
    return _shown(_FORGOT)


@router.post("/forgot")
async def forgot(request: Request) -> Response:
    """Sends a link, if there is such a user; says the same to all."""

    async def work(asked: ResetAsked) -> Response:
        accounts_of(request).ask_reset(request, email=asked.email, organization=asked.organization)
        return page("Look into your mail", "<p>If the address is known here, a link is on its way.</p>")

    return await _answer(request, _FORGOT, ResetAsked, work)


@router.get("/reset")
async def reset_form(parts: Parts, token: str = "") -> HTMLResponse:
    """Asks for a new password."""
    return await _of_link(parts, _RESET, RESET, token)


@router.post("/reset")
async def reset(request: Request, parts: Parts) -> Response:
    """Sets it; the next step is to sign in."""

    async def work(asked: PasswordAsked) -> Response:
        given = Joining(token=asked.token, password=asked.password)
        await joining.reset(request, parts.database, accounts_of(request), given)
        return RedirectResponse("/sign-in", status_code=303)

    return await _answer(request, _RESET, PasswordAsked, work)


async def _may_keep(parts: ControlParts, known: SignedIn, token: str) -> bool:
    try:
        link = await joining.peek(parts.database, INVITATION, token)
    except InvalidInput:
        return False
    return await joining.keeps_own(parts.database, link, known)


async def _of_link(parts: ControlParts, form: _Form, kind: str, token: str) -> HTMLResponse:
    try:
        link = await joining.peek(parts.database, kind, token)
    except InvalidInput:
        text = "This link was used, has expired, or was never made. Ask for a new one."
        return page("No such link", f"<p>{text}</p>", status=404)
    intro = form.intro or f"For {link.email}."
    return _shown(form._replace(intro=intro), {"token": token})


async def _answer(
    request: Request, form: _Form, shape: type[Shape], work: Callable[[Shape], Awaitable[Response]]
) -> Response:
    """Does the work with what the form holds; a refusal is shown above the form, filled in as before."""
    given = await fields(request)
    try:
        check_origin(request)
        check_can_keep_cookie(request)
        return await work(read(shape, given))
    except GatewayOpsError as error:
        if error.status >= 500:
            raise
        answer = _shown(
            form, given, error=error.detail.partition(": ")[2] or error.detail, status=error.status
        )
        answer.headers.update(dict(error.headers))
        return answer


async def enter(request: Request, who: Who, *, method: str = "password") -> Response:
    """The session of one whose first factor was right, or the page of the next step."""
    try:
        opened = await accounts_of(request).admit(request, who, method=method)
        return welcome(request, RedirectResponse(who.return_to, 303), opened)
    except SecondFactorRequired as waiting:
        page_of = "/sign-in/second-factor" if waiting.step == PROVE else "/second-factors"
        return wait(request, page_of, waiting.token)


def wait(request: Request, address: str, token: str) -> Response:
    """On to the next step, in this browser only."""
    response = RedirectResponse(address, status_code=303)
    set_pending_cookie(request, response, token, seconds=int(LIFE.total_seconds()))
    return response


def welcome(request: Request, response: Response, opened: Opened) -> Response:
    """The browser gets its session; what it waited with is over."""
    set_session_cookie(request, response, opened.token, seconds=int(ABSOLUTE.total_seconds()))
    if pending_cookie(request):
        set_pending_cookie(request, response, "", seconds=0)
    return response


def _shown(
    form: _Form, given: dict[str, str] | None = None, *, error: str = "", status: int = 200
) -> HTMLResponse:
    given = given or {}
    parts = [f"<p>{escape(form.intro)}</p>"] if form.intro else []
    parts += [f'<p class="error">{escape(error)}</p>'] if error else []
    parts.append(f'<form method="post" action="{form.action}">')
    parts += [
        f'<input type="hidden" name="{name}" value="{escape(given[name])}">'
        for name in ("token", "return_to")
        if given.get(name)
    ]
    for name, label, kind, fill in form.fields:
        value = "" if kind == "password" else escape(given.get(name, ""))
        needed = "" if name in ("name", "organization") else " required"
        parts.append(
            f'<label>{escape(label)}<input name="{name}" type="{kind}" autocomplete="{fill}" '
            f'value="{value}"{needed}></label>'
        )
    parts.append(f"<button>{escape(form.button)}</button></form>{form.after}")
    return page(form.title, "".join(parts), has_form=True, status=status)
