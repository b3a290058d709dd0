"""The authorization endpoint: checks what a client asks for, and sends the browser to sign in or consent."""

from fastapi import Depends, Request, Response

from gatewayops.api.caller_address import address_of
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import pairs_of
from gatewayops.api.oauth_browser import Browser, is_recent
from gatewayops.api.oauth_clients import known_client
from gatewayops.api.oauth_pages import fault_page, onward
from gatewayops.api.oauth_state import AtServer, State, protected_server
from gatewayops.api.parts import Parts
from gatewayops.base import clock
from gatewayops.base.errors import TooMany
from gatewayops.identity.oauth import authorization, grant_types
from gatewayops.identity.oauth.redirect_uris import is_web
from gatewayops.identity.oauth.refusals import OAuthRefused
from gatewayops.store.control.oauth_clients import Client
from gatewayops.store.control.oauth_requests import Wanted

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])


@router.get("/authorize")
async def authorize(request: Request, here: AtServer, parts: Parts, state: State) -> Response:
    """Until the client and its redirect URI are known, faults are shown; later ones go to the client."""
    try:
        given = authorization.parameters(pairs_of(request.scope["query_string"]))
        authorization.check_single(given, "client_id", "redirect_uri")
        address = address_of(request)
        client = await known_client(parts, state, here, given.get("client_id"), address=address)
        if client is None:
            return fault_page("The app is not known here. It may have to register again.", look=here.look)
        grant_types.check_may(grant_types.AUTHORIZATION_CODE, client.spec.grant_types)
        redirect_uri = authorization.redirect_uri(given, client.spec.redirect_uris)
    except (OAuthRefused, TooMany) as error:
        status = 400 if isinstance(error, OAuthRefused) else error.status
        return fault_page(error.detail, look=here.look, status=status)
    back = "" if "state" in given.doubles else given.get("state")
    try:
        asked = authorization.read(given, resource=here.resource, offered=here.server.scopes, now=clock.now())
        wanted = Wanted(
            client_ref=client.id,
            redirect_uri=redirect_uri,
            state=back,
            scope=asked.scope,
            challenge=asked.challenge,
            must_sign_in_after=asked.must_sign_in_after,
        )
        return await _begin(Browser(request, here, parts), client, wanted, asked.prompts)
    except OAuthRefused as error:
        members = {"error": error.error, "error_description": error.detail}
        return onward(authorization.answer_url(redirect_uri, issuer=here.issuer, state=back, **members))


async def _begin(browser: Browser, client: Client, wanted: Wanted, prompts: frozenset[str]) -> Response:
    found = await browser.signed_in()
    is_signed_in = found is not None and is_recent(found[1], wanted)
    if found is not None and is_signed_in and "consent" not in prompts and is_web(wanted.redirect_uri):
        allowed = await browser.allowed_before(client, found[0])
        if allowed is not None and set(wanted.scope.split()) <= set(allowed.split()):
            return onward(await browser.approve(client, found[0], wanted))
    if "none" in prompts:
        kind = "consent_required" if is_signed_in else "login_required"
        msg = "prompt=none, but a person is needed"
        raise OAuthRefused(kind, msg)
    answer = onward("")
    request_id = await browser.begin(answer, wanted)
    answer.headers["Location"] = browser.page_url("consent" if is_signed_in else "sign-in", request_id)
    return answer
