"""Devices without a browser (RFC 8628): they show a code, a person types it here, signs in and allows it.

The page makes no difference between codes that never were, ran out or were answered. Guesses are limited for
an address and for the server; a person who comes with a code goes the way of every authorization request, and
is asked each time.
"""

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse

from gatewayops.api import oauth_pages
from gatewayops.api.caller_address import address_of
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import form_of, told
from gatewayops.api.oauth_browser import Browser
from gatewayops.api.oauth_clients import authenticated
from gatewayops.api.oauth_issue import Issue, of_new_grant
from gatewayops.api.oauth_pages import onward
from gatewayops.api.oauth_state import AtServer, Here, OAuthState, State, protected_server
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.base.errors import TooMany
from gatewayops.identity.oauth import grant_types, scopes, tokens
from gatewayops.identity.oauth.authorization import Parameters
from gatewayops.identity.oauth.refusals import OAuthRefused, invalid_request, invalid_target
from gatewayops.identity.oauth.user_codes import new_user_code, user_code_digest
from gatewayops.store.control import oauth_devices
from gatewayops.store.control.oauth_clients import Client
from gatewayops.store.control.oauth_devices import Device, DeviceUse, NewDevice
from gatewayops.store.control.oauth_grants import Grant
from gatewayops.store.control.oauth_requests import Wanted

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])

_UNKNOWN = "No device waits with this code. It may have run out: look at the device for a new one."
_ABOUT = {
    "authorization_pending": "the person has not answered yet",
    "slow_down": "asked too early; wait five seconds longer from now on",
    "access_denied": "the person said no, or the approval was taken back",
    "expired_token": "the code has run out; begin anew",
    "invalid_grant": "device_code: unknown, used, or not of this client",
}


@router.post("/device_authorization")
async def begin(request: Request, here: AtServer, parts: Parts, state: State) -> JSONResponse:
    """Both codes, for a client that registered for them."""
    given = await form_of(request)
    client = await authenticated(request, given, here, parts, state)
    grant_types.check_may(grant_types.DEVICE_CODE, client.spec.grant_types)
    if given.get("resource") not in ("", here.resource):
        raise invalid_target()
    scope = scopes.granted(given.get("scope"), here.server.scopes)
    state.registrations.check("device", here.server.id, address_of(request))
    state.registrations.add("device", here.server.id, address_of(request))
    device_code, user_code = tokens.new_token("dc"), new_user_code()
    new = NewDevice(
        hash=tokens.digest(device_code),
        user_code_hash=user_code_digest(user_code, here.server.id),
        server_id=here.server.id,
        client_ref=client.id,
        scope=scope,
    )
    async with parts.database.session() as session:
        await oauth_devices.begin(session, org_id=here.server.org_id, new=new)
    page = f"{here.issuer}/device"
    return told(
        {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": int(oauth_devices.LIFE.total_seconds()),
            "interval": oauth_devices.INTERVAL_S,
        }
    )


@router.get("/device")
async def show(request: Request, here: AtServer, parts: Parts, state: State) -> Response:
    """Asks for the code; with one, on to signing in and consent."""
    typed = request.query_params.get("user_code", "")
    if not typed:
        return oauth_pages.device(here.look)
    try:
        device = await _waiting(here, parts, state, typed=typed, address=address_of(request))
    except TooMany as error:
        return oauth_pages.device(here.look, fault=error.detail, status=error.status)
    if device is None:
        return oauth_pages.device(here.look, fault=_UNKNOWN, status=400)
    wanted = Wanted(
        client_ref=device.client_ref,
        redirect_uri="",
        state="",
        scope=device.scope,
        challenge="",
        device_hash=device.hash,
    )
    browser = Browser(request, here, parts)
    answer = onward("")
    request_id = await browser.begin(answer, wanted)
    page = "consent" if await browser.signed_in() is not None else "sign-in"
    answer.headers["Location"] = browser.page_url(page, request_id)
    return answer


@router.get("/device/done")
async def done(here: AtServer) -> Response:
    """After the answer; the device finds out by itself."""
    return oauth_pages.device_done(here.look)


async def of_device(given: Parameters, here: Here, parts: ControlParts, client: Client) -> Issue:
    """What a device gets that asks. Raises OAuthRefused, with what it is to do."""
    device_code = given.get("device_code")
    if not device_code:
        msg = "device_code: missing"
        raise invalid_request(msg)
    refresh = tokens.new_token("rt")
    use = DeviceUse(
        server_id=here.server.id,
        client_ref=client.id,
        digest=tokens.digest(device_code),
        refresh_digest=tokens.digest(refresh),
    )
    async with parts.database.session() as session:
        found = await oauth_devices.use(session, org_id=here.server.org_id, use=use)
    if not isinstance(found, Grant):
        raise OAuthRefused(found, _ABOUT[found])
    return await of_new_grant(parts, found, refresh=refresh)


async def _waiting(
    here: Here, parts: ControlParts, state: OAuthState, *, typed: str, address: str
) -> Device | None:
    counters = ((state.codes_by_address, (here.server.id, address)), (state.codes, (here.server.id,)))
    for counter, who in counters:
        counter.check(*who)
    digest = user_code_digest(typed, here.server.id)
    async with parts.database.reading() as session:
        found = await oauth_devices.waiting(
            session, org_id=here.server.org_id, server_id=here.server.id, user_code_hash=digest
        )
    if found is None:
        for counter, who in counters:
            counter.add(*who)
    return found
