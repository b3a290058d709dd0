"""Clients of a protected server: their registration (RFC 7591), and who a request comes from."""

import base64
import binascii
import hmac
import json
from datetime import timedelta
from urllib.parse import unquote_plus, urlsplit

from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from gatewayops.api.caller_address import address_of
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import body_of, told
from gatewayops.api.oauth_registration import management, read_json
from gatewayops.api.oauth_state import AtServer, Here, OAuthState, State, protected_server
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.base import clock
from gatewayops.base.errors import Conflict, GatewayOpsError
from gatewayops.identity.oauth import assertions, registration, tokens
from gatewayops.identity.oauth.authorization import Parameters
from gatewayops.identity.oauth.refusals import OAuthRefused, invalid_client, invalid_request
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import oauth_clients, used_assertions
from gatewayops.store.control.oauth_clients import Client
from gatewayops.store.origin import Origin
from gatewayops.upstream import guarded_fetch

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])

_MAX_KEY_SETS = 1_000
_MAX_CLIENTS_KEPT = 10_000
MAX_CLIENTS = 50_000  # of a server: whoever may register may fill


@router.post("/register")
async def register(request: Request, here: AtServer, parts: Parts, state: State) -> JSONResponse:
    """A client registers itself; twice is two clients."""
    address = address_of(request)
    state.registrations.check(here.server.id, address)
    state.registrations.add(here.server.id, address)
    spec = registration.read(read_json(await body_of(request)), here.server.scopes)
    manages = tokens.new_token("rr")
    secret = tokens.new_token("cs") if registration.has_secret(spec.auth_method) else ""
    origin.enter(Origin(Actor("unknown", name=spec.name), address=address))
    async with parts.database.session() as session:
        if await oauth_clients.count(session, server_id=here.server.id) >= MAX_CLIENTS:
            msg = "this server has too many clients; its operator must remove some"
            raise OAuthRefused("invalid_client_metadata", msg, status=503)
        client = await oauth_clients.add(
            session,
            org_id=here.server.org_id,
            server_id=here.server.id,
            kind="dynamic",
            spec=spec,
            secret_hash=tokens.digest(secret) if secret else "",
        )
        await oauth_clients.hand_over(session, client, token_hash=tokens.digest(manages))
    issued_at = int(client.created_at.timestamp())
    answer = registration.answer(client.client_id, spec, issued_at=issued_at, secret=secret)
    return told(answer | management(here, client.client_id, manages), status=201)


async def known_client(
    parts: ControlParts, state: OAuthState, here: Here, client_id: str, *, address: str
) -> Client | None:
    """A client of this server that is not disabled; of one named by an address, the document is fetched.

    Raises OAuthRefused (invalid_client) for a document that is not there or wrong.
    """
    if not client_id or len(client_id) > 512 or not client_id.isprintable():
        return None
    known = await _kept(parts, state, here, client_id)
    if not client_id.startswith("https://"):
        return known
    if known is not None and known.fresh_until is not None and known.fresh_until > clock.now():
        return known
    state.documents.check(here.server.id, address)
    state.documents.add(here.server.id, address)
    found = await _documented(parts, here, client_id)
    if found.disabled_at is not None:
        return None
    _keep(state, here, found)
    return found


async def _kept(parts: ControlParts, state: OAuthState, here: Here, client_id: str) -> Client | None:
    """As it was when the revision rose last: whatever changes or ends a client raises it."""
    which = here.server.id, client_id
    revision, client = state.clients.get(which, (0, None))
    if client is not None and revision == here.revision:
        return client
    server = here.server
    async with parts.database.reading() as session:
        client = await oauth_clients.of_id(
            session, org_id=server.org_id, server_id=server.id, client_id=client_id
        )
    if client is not None:
        _keep(state, here, client)
    return client


def _keep(state: OAuthState, here: Here, client: Client) -> None:
    if here.revision > 0:
        if len(state.clients) >= _MAX_CLIENTS_KEPT:
            state.clients.clear()
        state.clients[client.server_id, client.client_id] = here.revision, client


async def authenticated(
    request: Request, given: Parameters, here: Here, parts: ControlParts, state: OAuthState
) -> Client:
    """The client that sends this, proven as it registered. Raises OAuthRefused."""
    client_id, secret = _credentials(request, given)
    wanted = client_id or _claimed(given)
    client = await known_client(parts, state, here, wanted, address=address_of(request))
    if client is None:
        msg = "client_id: not known here; register again"
        raise invalid_client(msg)
    method = client.spec.auth_method
    if method == "none":
        if secret or given.get("client_assertion"):
            msg = "this client registered with token_endpoint_auth_method none; send its client_id only"
            raise invalid_client(msg)
    elif method == "private_key_jwt":
        await _check_assertion(given, here, parts, client, state)
    elif not secret or not hmac.compare_digest(tokens.digest(secret), client.secret_hash):
        msg = "client_secret: missing or wrong"
        raise invalid_client(msg)
    return client


def _credentials(request: Request, given: Parameters) -> tuple[str, str]:
    """The id and the secret, by header or in the form, not both (RFC 6749, 2.3)."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return given.get("client_id"), given.get("client_secret")
    if given.get("client_secret") or given.get("client_assertion"):
        msg = "prove who you are in one way, by header or in the form"
        raise invalid_request(msg)
    try:
        user, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        msg = "Authorization: not a Basic header"
        raise invalid_client(msg) from error
    client_id = unquote_plus(user)
    if not colon or given.get("client_id") not in ("", client_id):
        msg = "client_id: the header and the form name two clients"
        raise invalid_client(msg)
    return client_id, unquote_plus(secret)


def _claimed(given: Parameters) -> str:
    """With an assertion, client_id need not be sent: its subject says it, and is checked later."""
    parts = given.get("client_assertion").split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    subject = claims.get("sub") if isinstance(claims, dict) else ""
    return subject if isinstance(subject, str) else ""


async def _check_assertion(
    given: Parameters, here: Here, parts: ControlParts, client: Client, state: OAuthState
) -> None:
    if given.get("client_assertion_type") != assertions.KIND:
        msg = f"client_assertion_type: {assertions.KIND}"
        raise invalid_client(msg)
    once = assertions.check(
        given.get("client_assertion"),
        client_id=client.client_id,
        jwks=client.spec.jwks or await fetched_keys(state, here, client.spec.jwks_uri),
        audiences=(f"{here.issuer}/token", here.issuer),
        now_s=clock.unix_s(),
    )
    try:
        async with parts.database.session() as session:
            await used_assertions.use_up(
                session, org_id=here.server.org_id, digest=once.digest, expires_s=once.until_s
            )
    except Conflict as error:
        msg = "client_assertion: used already"
        raise invalid_client(msg) from error


async def fetched_keys(state: OAuthState, here: Here, url: str, *, anew: bool = False) -> str:
    """The key set at a client's or issuer's address, kept as long as HTTP says. Raises OAuthRefused."""
    jwks, until_s = state.key_sets.get(url, ("", 0.0))
    if until_s > clock.unix_s() and not anew:
        return jwks
    state.documents.check(here.server.id, url)
    state.documents.add(here.server.id, url)
    try:
        found = await guarded_fetch.fetch(url)
    except GatewayOpsError as error:
        msg = f"jwks_uri: {error.detail}"
        raise invalid_client(msg) from error
    jwks = json.dumps(found.content)
    if len(state.key_sets) >= _MAX_KEY_SETS:
        state.key_sets.clear()
    state.key_sets[url] = jwks, clock.unix_s() + found.fresh_s
    return jwks


async def _documented(parts: ControlParts, here: Here, url: str) -> Client:
    address = urlsplit(url)
    if address.path in ("", "/") or address.query or address.fragment or "/." in address.path:
        msg = "client_id: as an address it has a path, and neither query nor fragment nor dots"
        raise invalid_client(msg)
    try:
        found = await guarded_fetch.fetch(url)
    except GatewayOpsError as error:
        msg = f"client_id: {error.detail}"
        raise invalid_client(msg) from error
    if found.content.get("client_id") != url:
        msg = "client_id: the document there names another one"
        raise invalid_client(msg)
    method = found.content.get("token_endpoint_auth_method", "none")
    if method not in ("none", "private_key_jwt"):
        msg = "token_endpoint_auth_method: a document holds no secret; none or private_key_jwt"
        raise invalid_client(msg)
    spec = registration.read(found.content | {"token_endpoint_auth_method": method}, here.server.scopes)
    origin.enter(Origin(Actor("unknown", name=spec.name)))
    server = here.server
    async with parts.database.session() as session:
        return await oauth_clients.keep_document(
            session,
            org_id=server.org_id,
            server_id=server.id,
            url=url,
            spec=spec,
            fresh_until=clock.now() + timedelta(seconds=found.fresh_s),
        )
