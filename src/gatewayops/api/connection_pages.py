"""The pages on which a user connects an account at an MCP server: `/connections/servers/{server}` and back.

Only for who is signed in: the session that begins is the one that ends it. `/connections/client.json` says
who we are to authorization servers that take documents.
"""

from html import escape
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.responses import Response

from gatewayops.api import account_sign_in
from gatewayops.api.account_sign_in import Back
from gatewayops.api.audit_trail import actor_of, enter_as
from gatewayops.api.browser import check_page, session_cookie
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import form_of
from gatewayops.api.pages import page
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.person import principal_of, signed_in
from gatewayops.api.shapes import InPath
from gatewayops.base.errors import Forbidden, GatewayOpsError
from gatewayops.identity.user_tokens import form_token
from gatewayops.policy.decision import Deny
from gatewayops.store.control import servers, upstream_accounts
from gatewayops.store.control.servers import Server
from gatewayops.store.control.upstream_accounts import Named
from gatewayops.store.control.user_sessions import SignedIn
from gatewayops.upstream.accounts.registration import document

router = LateRouter(prefix="/connections", include_in_schema=False)

_ACTION = "connections.own"
_FRESH = {"Cache-Control": "public, max-age=300"}


@router.get("/client.json")
async def client_document(parts: Parts) -> JSONResponse:
    """Our client id metadata document."""
    told = document(account_sign_in.document_address(parts), account_sign_in.redirect_uri(parts))
    return JSONResponse(told, headers=_FRESH)


@router.get("/callback")
async def back(
    request: Request, parts: Parts, state: str = "", code: str = "", iss: str = "", error: str = ""
) -> Response:
    """Where authorization servers send people back to: keeps the account."""
    try:
        who = await _signed_in(request, parts)
        if who is None:
            return _sign_in_first()
        given = Back(state=state, code=code, iss=iss, error=error)
        name = await account_sign_in.finish(parts, given, who.session)
        await request.app.state.watch.deliver()  # a GET, but a change: the next call shall find it
    except GatewayOpsError as fault:
        return _fault(fault)
    text = f"<p>Your account at <b>{escape(name)}</b> is connected. You can close this page.</p>"
    return page("Connected", text, has_form=True)


@router.get("/servers/{server}")
async def show(server: InPath, request: Request, parts: Parts) -> Response:
    """Says whether an account is connected, and asks before the browser is sent elsewhere."""
    try:
        who = await _signed_in(request, parts)
        if who is None:
            return _sign_in_first()
        known, account = await _known(parts, server, who)
    except GatewayOpsError as fault:
        return _fault(fault)
    return page(f"Your account at {known.spec.name}", _shown(request, known, account), has_form=True)


@router.post("/servers/{server}")
async def begin(server: InPath, request: Request, parts: Parts) -> Response:
    """Sends the browser to where the server's users sign in; the page must be ours."""
    try:
        who = await _signed_in(request, parts)
        if who is None:
            return _sign_in_first()
        form = await form_of(request)
        check_page(request, session_cookie(request), form.get("form_token") or "-")
        known, _ = await _known(parts, server, who)
        url = await account_sign_in.begin(parts, known, who.session)
    except GatewayOpsError as fault:
        return _fault(fault)
    where = escape(urlsplit(url).netloc)
    text = f'<p><a rel="noreferrer" href="{escape(url)}">Go on to {where}</a></p>'
    answer = page(f"On the way to {urlsplit(url).netloc}", text, has_form=True)
    answer.headers["Refresh"] = f"0; url={url}"  # a redirect would break our own policy for forms
    return answer


async def _signed_in(request: Request, parts: ControlParts) -> SignedIn | None:
    """Who is at this browser; from here on the task acts in their name. Raises Forbidden."""
    found = await signed_in(parts.database, session_cookie(request))
    if found is None:
        return None
    caller = principal_of(found)
    enter_as(request, actor_of(caller))
    decision = await request.app.state.key_check.decide(caller, _ACTION)
    if isinstance(decision, Deny):
        refused = Forbidden(decision.detail, decision.reason)
        await request.app.state.audit_trail.denied(caller, _ACTION, refused)
        raise refused
    return found


async def _known(parts: ControlParts, ref: str, who: SignedIn) -> tuple[Server, Named | None]:
    org_id, user_id = who.session.org_id, who.session.user_id
    async with parts.database.reading() as session:
        server = await servers.find(session, org_id=org_id, ref=ref)
        account_sign_in.check_takes_accounts(server)
        account = await upstream_accounts.of_user(
            session, org_id=org_id, server_id=server.id, user_id=user_id
        )
    return server, account


def _shown(request: Request, server: Server, found: Named | None) -> str:
    name, host = escape(server.spec.name), escape(urlsplit(server.spec.url).netloc)
    if found is None:
        state, button = f"No account of yours is connected to <b>{name}</b> yet.", "Connect"
    elif found.account.state == upstream_accounts.CONNECTED:
        state, button = f"An account of yours is connected to <b>{name}</b>.", "Connect another account"
    else:
        why = escape(found.account.failure)
        state, button = f"Your account at <b>{name}</b> needs to sign in again: {why}.", "Sign in again"
    token = form_token(session_cookie(request))
    return (
        f"<p>{state}</p><p>Calls that you make through GatewayOps reach <code>{host}</code> with that"
        f" account, and nobody else's calls do.</p>"
        f'<form method="post"><input type="hidden" name="form_token" value="{token}">'
        f"<button>{button}</button></form>"
    )


def _sign_in_first() -> HTMLResponse:
    text = '<p><a href="/sign-in">Sign in</a> to GatewayOps first, then open this address again.</p>'
    return page("Sign in first", text, has_form=True, status=401)


def _fault(fault: GatewayOpsError) -> HTMLResponse:
    detail = fault.detail if fault.status < 500 or fault.status == 502 else "Try again in a minute."
    return page(
        "This did not work", f'<p class="error">{escape(detail)}</p>', has_form=True, status=fault.status
    )
