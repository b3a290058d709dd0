"""The pages that lead to identity providers and back: `/sign-in` asks for the address first.

The domain of an address says where its people sign in; whether there is such a user is told to nobody.
"""

from html import escape
from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Query, Request
from starlette.responses import Response

from gatewayops.api.browser import check_origin, session_cookie
from gatewayops.api.forms import fields
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.pages import page
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.person import signed_in
from gatewayops.api.saml import saml_of
from gatewayops.api.shapes import Ref
from gatewayops.api.sign_in_pages import enter, password_form
from gatewayops.api.sso import safe_return, speaks_saml, sso_of
from gatewayops.base.errors import GatewayOpsError
from gatewayops.identity.federation.registration import Kind
from gatewayops.store.control import directory, identity_providers, sso_domains
from gatewayops.store.control.identity_providers import Provider
from gatewayops.store.control.user_sessions import SignedIn
from gatewayops.upstream.federation.relying_party import Answer

router = LateRouter(include_in_schema=False)

ProviderId = Annotated[str, Path()]  # whatever a browser asks for: what is none is answered by a page

_EMAIL_FORM = (
    '<form method="post" action="/sign-in/email"><label>E-mail address<input name="email" type="email" '
    'autocomplete="username" required maxlength="254"></label>{hidden}<button>Continue</button></form>'
)
_PASSKEY = '<p><a href="/sign-in/passkey">Use a passkey</a></p>'
_WORDS = {Kind.GOOGLE: "Google", Kind.GITHUB: "GitHub"}


@router.get("/sign-in")
async def ask_address(
    parts: Parts, organization: Annotated[Ref, Query()] = "", return_to: str = ""
) -> Response:
    """Asks who comes; with the slug of an organisation, or where there is but one, shows its providers."""
    offered = await _offered(parts, organization)
    onward = f"?return_to={quote(return_to, safe='')}" if return_to else ""
    buttons = "".join(
        f'<p><a class="btn" data-variant="outline" href="/sign-in/sso/{one.id}{onward}">'
        f"Sign in with {escape(_name(one))}</a></p>"
        for one in offered
    )
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(given)}">'
        for name, given in (("organization", organization), ("return_to", return_to))
        if given
    )
    body = _EMAIL_FORM.format(hidden=hidden) + buttons + _PASSKEY
    return page("Sign in", body, has_form=True, leads_away=True)


@router.post("/sign-in/email")
async def take_address(request: Request, parts: Parts) -> Response:
    """Leads to the provider of the address's domain, else asks for the password."""
    try:
        check_origin(request)
        given = await fields(request)
        email, return_to = given.get("email", "")[:254], given.get("return_to", "")
        sso = sso_of(request)
        sso.count(request)
        async with parts.database.reading() as session:
            provider_id = await sso_domains.leads_to(session, email)
        if not provider_id:
            return password_form(email, given.get("organization", ""), return_to)
        provider = await sso.provider(provider_id)
        return await _lead(request, provider, return_to=return_to, login_hint=email)
    except GatewayOpsError as error:
        return refused(error)


@router.get("/sign-in/sso/{provider_id}")
async def start(provider_id: ProviderId, request: Request, parts: Parts, return_to: str = "/") -> Response:
    """Leads to this provider; afterwards to a path of ours.

    Who is signed in is asked first: whoever made the link may have an account for them at their provider.
    """
    sso = sso_of(request)
    try:
        sso.count(request)
        provider = await sso.provider(provider_id)
        known = await signed_in(parts.database, session_cookie(request))
        if known is not None:
            return await _ask(parts, provider, known, return_to)
        return await _lead(request, provider, return_to=return_to)
    except GatewayOpsError as error:
        return refused(error)


@router.post("/sign-in/sso/{provider_id}")
async def start_anew(provider_id: ProviderId, request: Request) -> Response:
    """The same, for who said on our page that they want to sign in anew."""
    sso = sso_of(request)
    try:
        check_origin(request)
        sso.count(request)
        given = await fields(request)
        return await _lead(request, await sso.provider(provider_id), return_to=given.get("return_to", "/"))
    except GatewayOpsError as error:
        return refused(error)


@router.get("/sign-in/sso/{provider_id}/callback")
async def come_back(
    provider_id: ProviderId, request: Request, state: str = "", code: str = "", iss: str = ""
) -> Response:
    """Where a provider sends people back, with a code or with its refusal."""
    sso = sso_of(request)
    try:
        sso.count(request)
        provider = await sso.provider(provider_id, is_saml=False)
        if error := request.query_params.get("error"):
            await sso.refused(request, provider, state=state, error=error)
        found = await sso.finish(request, provider, state=state, answer=Answer(code, iss))
        return await enter(request, found.who, method=found.method)
    except GatewayOpsError as error:
        return refused(error)


async def _lead(request: Request, provider: Provider, *, return_to: str, login_hint: str = "") -> Response:
    if speaks_saml(provider):
        return await saml_of(request).start(request, provider, return_to=return_to)
    return await sso_of(request).start(request, provider, return_to=return_to, login_hint=login_hint)


async def _offered(parts: ControlParts, slug: str) -> tuple[Provider, ...]:
    """Nobody learns of other tenants: without a slug there are some only where there is one tenant."""
    async with parts.database.reading() as session:
        org_id = await directory.org_id_of(session, slug=slug)
        return await identity_providers.offered(session, org_id=org_id) if org_id else ()


async def _ask(parts: ControlParts, provider: Provider, known: SignedIn, return_to: str) -> Response:
    async with parts.database.reading() as session:
        there = await directory.organisation(session, org_id=provider.org_id)
    to, name = escape(safe_return(return_to)), escape(_name(provider))
    body = (
        f"<p>You are signed in as {escape(known.email)}. Whoever you are at {name} is signed in instead, in "
        f"the organisation {escape(there.name)}.</p>"
        f'<form method="post" action="/sign-in/sso/{provider.id}"><input type="hidden" name="return_to" '
        f'value="{to}"><button>Sign in with {name}</button></form><p><a href="/">Stay as I am</a></p>'
    )
    return page("Sign in as somebody else?", body, has_form=True, leads_away=True)


def _name(provider: Provider) -> str:
    return _WORDS.get(Kind(provider.spec.kind), provider.spec.name)


def refused(error: GatewayOpsError) -> Response:
    """A failure of ours is the log's; all others are told to the person."""
    if error.status == 500:
        raise error
    again = '<p><a href="/sign-in">Sign in another way</a></p>'
    shown = page(
        "You are not signed in",
        f'<p class="error">{escape(error.detail)}</p>{again}',
        has_form=True,  # so that it is not kept
        status=error.status,
    )
    shown.headers.update(dict(error.headers))
    return shown
