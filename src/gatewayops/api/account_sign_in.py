"""A user connects an account of theirs at an MCP server: to its authorization server and back.

PKCE, `state` and `iss` hold the answer to the request; only the session that began it ends it, so that
nobody connects somebody else's account by a link. Tokens are asked for the server and no other.
"""

from urllib.parse import urlencode, urlsplit

import msgspec

from gatewayops.api.account_tokens import proof, seal
from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import Conflict, InvalidInput
from gatewayops.base.ids import new_id, random_text
from gatewayops.identity.oauth.pkce import challenge_of
from gatewayops.identity.user_tokens import hash_of
from gatewayops.store.control import servers, upstream_accounts, upstream_clients, upstream_sign_ins
from gatewayops.store.control.servers import Server
from gatewayops.store.control.upstream_accounts import Place
from gatewayops.store.control.upstream_clients import DOCUMENT, DYNAMIC, UpstreamClient
from gatewayops.store.control.upstream_sign_ins import SignIn
from gatewayops.store.control.user_sessions import UserSession
from gatewayops.store.snapshot import USER_OAUTH
from gatewayops.upstream.accounts import discovery, registration, tokens
from gatewayops.upstream.accounts.discovery import SignInPlace

_STATE = 43  # letters and digits: 256 bits
_VERIFIER = 64


class Back(msgspec.Struct, frozen=True):
    """What the browser brings back from the authorization server. Its text shows none of it."""

    state: str = ""
    code: str = ""
    iss: str = ""
    error: str = ""

    def __repr__(self) -> str:
        """Never the code: traces show locals."""
        return "Back(…)"


def redirect_uri(parts: ControlParts) -> str:
    """Where authorization servers send people back to."""
    return f"{parts.address}/connections/callback"


def document_address(parts: ControlParts) -> str:
    """Where our client's document lies: our client_id at servers that take documents."""
    return f"{parts.address}/connections/client.json"


def page_address(parts: ControlParts, server: str) -> str:
    """The page on which a user connects an account at the server."""
    return f"{parts.address}/connections/servers/{server}"


def check_takes_accounts(server: Server) -> None:
    """Raises Conflict for a server that does not want users' own accounts."""
    if server.spec.upstream_auth != USER_OAUTH:
        msg = f"{server.spec.name} takes no accounts of users: its upstream_auth is not {USER_OAUTH}"
        raise Conflict(msg)


async def begin(parts: ControlParts, server: Server, who: UserSession) -> str:
    """Where to send the browser. Raises Conflict, UpstreamError."""
    check_takes_accounts(server)
    place = await discovery.discover(server.row(), parts.upstream, scopes=server.spec.upstream_scopes)
    client = await _client(parts, server, place)
    state, verifier, sign_in_id = random_text(_STATE), random_text(_VERIFIER), new_id("uo")
    bound_to = upstream_sign_ins.binding(server.org_id, sign_in_id)
    sign_in = SignIn(
        id=sign_in_id,
        org_id=server.org_id,
        server_id=server.id,
        user_id=who.user_id,
        session_id=who.id,
        client_ref=client.id,
        state_hash=hash_of(state),
        sealed_verifier=await parts.credentials.seal(
            verifier.encode(), org_id=server.org_id, bound_to=bound_to
        ),
        place=Place(
            url=server.spec.url,
            issuer=place.issuer,
            token_endpoint=place.token_endpoint,
            revocation_endpoint=place.revocation_endpoint,
            resource=place.resource,
        ),
        scope=place.scope,
        sends_iss=place.sends_iss,
    )
    async with parts.database.session() as session:
        await upstream_sign_ins.begin(session, sign_in)
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri(parts),
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        "resource": place.resource,
    }
    asked |= {"scope": place.scope} if place.scope else {}
    glue = "&" if urlsplit(place.authorization_endpoint).query else "?"
    return f"{place.authorization_endpoint}{glue}{urlencode(asked)}"


async def finish(parts: ControlParts, back: Back, who: UserSession) -> str:
    """Keeps the account; the name of its server. Raises InvalidInput, Conflict, UpstreamError."""
    async with parts.database.session() as session:
        sign_in = await upstream_sign_ins.use(
            session, state_hash=hash_of(back.state), user_id=who.user_id, session_id=who.id
        )
    if sign_in is None:
        msg = "state: this sign-in was used, took too long, or was begun elsewhere; begin again"
        raise InvalidInput(msg)
    _check(back, sign_in)
    async with parts.database.reading() as session:
        server = await servers.find(session, org_id=sign_in.org_id, ref=sign_in.server_id)
        client = await upstream_clients.by_ref(session, org_id=sign_in.org_id, ref=sign_in.client_ref)
        account_id = await upstream_accounts.id_for(
            session, org_id=sign_in.org_id, server_id=server.id, user_id=sign_in.user_id
        )
    check_takes_accounts(server)
    if server.spec.url != sign_in.place.url:
        msg = f"{server.spec.name} was changed meanwhile; begin again"
        raise Conflict(msg)
    await _keep(parts, back, sign_in, _Known(server, client, account_id))
    return server.spec.name


class _Known(msgspec.Struct, frozen=True):
    server: Server
    client: UpstreamClient
    account_id: str


def _check(back: Back, sign_in: SignIn) -> None:
    """Raises InvalidInput: who answers must be who was asked (RFC 9207)."""
    if back.iss != sign_in.place.issuer and (back.iss or sign_in.sends_iss):
        msg = "iss: another authorization server answered than the one that was asked; begin again"
        raise InvalidInput(msg)
    if back.error or not back.code:
        msg = "error: the authorization server did not allow it; begin again"
        raise InvalidInput(msg)


async def _keep(parts: ControlParts, back: Back, sign_in: SignIn, known: _Known) -> None:
    place, org_id, allows_private = sign_in.place, sign_in.org_id, known.server.spec.allows_private
    at = await proof(parts, known.client, endpoint=place.token_endpoint, allows_private=allows_private)
    verifier = await parts.credentials.open(
        sign_in.sealed_verifier, org_id=org_id, bound_to=sign_in.bound_to()
    )
    given = await tokens.of_code(
        at,
        code=back.code,
        verifier=verifier.decode(),
        redirect_uri=redirect_uri(parts),
        resource=place.resource,
    )
    sealed = await seal(parts, given, org_id=org_id, account_id=known.account_id)
    async with parts.database.session() as session:
        await upstream_accounts.connect(
            session,
            whose=(org_id, known.account_id, known.server.id, sign_in.user_id),
            client_ref=known.client.id,
            place=place,
            scope=sign_in.scope if given.scope is None else given.scope[:4096],
            tokens=sealed,
        )


async def _client(parts: ControlParts, server: Server, place: SignInPlace) -> UpstreamClient:
    """Us at the authorization server: as it was told, as we were registered, or registered now."""
    org_id, wanted = server.org_id, redirect_uri(parts)
    async with parts.database.reading() as session:
        known = await upstream_clients.of_issuer(
            session, org_id=org_id, server_id=server.id, issuer=place.issuer
        )
    if known is not None and known.client_id and known.redirect_uri in ("", wanted):
        return known
    ref = known.id if known is not None else upstream_clients.new_client_id()
    if place.takes_documents and parts.address.startswith("https://"):
        kind, made = DOCUMENT, registration.Registered(document_address(parts), "none")
    else:
        allows_private = server.spec.allows_private
        made = await registration.register(place, redirect_uri=wanted, allows_private=allows_private)
        kind = DYNAMIC
    client = UpstreamClient(
        id=ref,
        org_id=org_id,
        server_id=server.id,
        issuer=place.issuer,
        kind=kind,
        client_id=made.client_id,
        auth_method=made.auth_method,
        redirect_uri=wanted,
        sealed_secret=await seal_secret(parts, made.secret, org_id=org_id, ref=ref),
    )
    async with parts.database.session() as session:
        await upstream_clients.put(session, client)
    return client


async def seal_secret(parts: ControlParts, secret: str, *, org_id: str, ref: str) -> bytes:
    """A client's secret, sealed to its row; nothing for nothing. Raises MasterKeyUnavailable."""
    bound_to = upstream_clients.binding(org_id, ref)
    return await parts.credentials.seal_if_any(secret.encode(), org_id=org_id, bound_to=bound_to)
