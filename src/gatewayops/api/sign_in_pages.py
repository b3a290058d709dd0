"""The pages of passwords: `/sign-in/password`, `/setup` (the first administrator), `/invitation`,
`/forgot`, `/reset`.

Plain forms without a script. A GET uses nothing up, so that whoever looks at links before people do breaks
none. Each POST must come from a page of ours; one that changes a session carries its form token besides.
"""

from collections.abc import Awaitable, Callable
from html import escape
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from gatewayops.api import joining
from gatewayops.api.accounts import Credentials, Opened
from gatewayops.api.browser import (
    check_can_keep_cookie,
    check_origin,
    check_page,
    end_session_cookie,
    session_cookie,
    set_session_cookie,
)
from gatewayops.api.directory import Email
from gatewayops.api.joining import Joining
from gatewayops.api.pages import page
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.person import signed_in
from gatewayops.api.sign_in_shapes import AcceptAsked, PasswordAsked, ResetAsked, SignInAsked, accounts_of
from gatewayops.base.errors import GatewayOpsError, InvalidInput
from gatewayops.identity.passwords import MIN_LENGTH
from gatewayops.store.control.one_time_links import FIRST_ADMIN, INVITATION, RESET
from gatewayops.store.control.user_sessions import ABSOLUTE

router = APIRouter(include_in_schema=False)

Shape = TypeVar("Shape", bound=BaseModel)


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
    "Sign in", "", "/sign-in", (_EMAIL, _OLD, _SLUG), "Sign in", '<p><a href="/forgot">Forgot it?</a></p>'
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
async def sign_in_form() -> HTMLResponse:
    """Asks for address and password."""
    return password_form("")


def password_form(email: str) -> HTMLResponse:
    """The form for a person whose address leads to no identity provider."""
    return _shown(_SIGN_IN, {"email": email})


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Begins a session."""

    async def work(asked: SignInAsked) -> Response:
        given = Credentials(asked.email, asked.password, asked.organization)
        return _welcome(request, await accounts_of(request).sign_in(request, given))

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
        return _welcome(request, await accounts.open(request, who))

    return await _answer(request, _SETUP, SetupAsked, work)


@router.get("/invitation")
async def invitation_form(parts: Parts, token: str = "") -> HTMLResponse:
    """Asks for a name and a password."""
    return await _of_link(parts, _INVITATION, INVITATION, token)


@router.post("/invitation")
async def accept_invitation(request: Request, parts: Parts) -> Response:
    """Joins the organisation and signs in."""

    async def work(asked: AcceptAsked) -> Response:
        accounts = accounts_of(request)
        given = Joining(token=asked.token, password=asked.password, name=asked.name)
        who = await joining.accept(request, parts.database, accounts, given)
        return _welcome(request, await accounts.open(request, who))

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
        return await work(_read(shape, given))
    except GatewayOpsError as error:
        if error.status >= 500:
            raise
        answer = _shown(
            form, given, error=error.detail.partition(": ")[2] or error.detail, status=error.status
        )
        answer.headers.update(dict(error.headers))
        return answer


def _read(shape: type[Shape], given: dict[str, str]) -> Shape:
    try:
        return shape(**{name: text for name, text in given.items() if name in shape.model_fields})
    except ValidationError as error:
        fault = error.errors()[0]
        msg = f"form: {fault['loc'][0]}: {fault['msg']}"
        raise InvalidInput(msg) from error


async def fields(request: Request) -> dict[str, str]:
    """A form's fields; nothing for a body of another kind."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip()
        != "application/x-www-form-urlencoded"
    ):
        return {}
    try:
        pairs = parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        msg = "form: cannot be read"
        raise InvalidInput(msg) from error
    return dict(pairs)


def _welcome(request: Request, opened: Opened) -> Response:
    response = RedirectResponse("/", status_code=303)
    set_session_cookie(request, response, opened.token, seconds=int(ABSOLUTE.total_seconds()))
    return response


def _shown(
    form: _Form, given: dict[str, str] | None = None, *, error: str = "", status: int = 200
) -> HTMLResponse:
    given = given or {}
    token = given.get("token", "")
    parts = [f"<p>{escape(form.intro)}</p>"] if form.intro else []
    parts += [f'<p class="error">{escape(error)}</p>'] if error else []
    parts.append(f'<form method="post" action="{form.action}">')
    parts += [f'<input type="hidden" name="token" value="{escape(token)}">'] if token else []
    for name, label, kind, fill in form.fields:
        value = "" if kind == "password" else escape(given.get(name, ""))
        needed = "" if name in ("name", "organization") else " required"
        parts.append(
            f'<label>{escape(label)}<input name="{name}" type="{kind}" autocomplete="{fill}" '
            f'value="{value}"{needed}></label>'
        )
    parts.append(f"<button>{escape(form.button)}</button></form>{form.after}")
    return page(form.title, "".join(parts), has_form=True, status=status)
