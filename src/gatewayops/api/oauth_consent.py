"""The consent page: a person, signed in, in the browser that began, says yes or no, once."""

from fastapi import Depends, Request, Response

from gatewayops.api import oauth_pages
from gatewayops.api.caller_address import address_of
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import NotThisBrowser
from gatewayops.api.oauth_browser import Browser, is_recent
from gatewayops.api.oauth_pages import onward
from gatewayops.api.oauth_state import AtServer, Here, protected_server
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.identity.oauth import redirect_uris
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import oauth_clients
from gatewayops.store.control.end_users import EndUser
from gatewayops.store.control.oauth_clients import Client
from gatewayops.store.control.oauth_requests import Pending
from gatewayops.store.origin import Origin

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])


@router.get("/consent")
async def show(request: Request, here: AtServer, parts: Parts) -> Response:
    """The question."""
    browser = Browser(request, here, parts)
    pending = await browser.pending(request.query_params.get("request", ""))
    user = await _user(browser, pending)
    if user is None:
        return onward(browser.page_url("sign-in", pending.id))
    client = await _client(here, parts, pending)
    uri = pending.wanted.redirect_uri
    notes = oauth_pages.consent_notes(
        pending.wanted.scope,
        is_loopback=redirect_uris.is_loopback(uri),
        is_device=bool(pending.wanted.device_hash),
        is_unproven=client.kind == "dynamic",
    )
    name = client.spec.name
    if client.kind == "document":
        name = f"{name} ({client.client_id})"
    return oauth_pages.consent(
        browser.hidden(pending.id),
        client=name,
        look=here.look,
        email=user.email,
        where=redirect_uris.shown(uri) if uri else "the device whose code you typed",
        notes=notes,
    )


@router.post("/consent")
async def decide(request: Request, here: AtServer, parts: Parts) -> Response:
    """Sends the browser to the client with a code, or with the refusal."""
    browser = Browser(request, here, parts)
    given, pending = await browser.form()
    user = await _user(browser, pending)
    if user is None:
        return onward(browser.page_url("sign-in", pending.id))
    if given.get("decision") != "allow":
        return onward(await browser.deny(pending))
    client = await _client(here, parts, pending)
    origin.enter(Origin(Actor("end_user", user.id, user.email), address=address_of(request)))
    return onward(await browser.approve(client, user, pending.wanted, pending=pending))


async def _user(browser: Browser, pending: Pending) -> EndUser | None:
    found = await browser.signed_in()
    return found[0] if found is not None and is_recent(found[1], pending.wanted) else None


async def _client(here: Here, parts: ControlParts, pending: Pending) -> Client:
    server = here.server
    async with parts.database.reading() as session:
        client = await oauth_clients.by_ref(
            session, org_id=server.org_id, server_id=server.id, ref=pending.wanted.client_ref
        )
    if client is None:
        msg = "The app was removed meanwhile."
        raise NotThisBrowser(msg)
    return client
