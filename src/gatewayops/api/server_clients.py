"""`/v1/servers/{server}/clients`: OAuth clients of a protected server; `/v1/signing-keys`: what signs."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Response

from gatewayops.api.auth import principal_for
from gatewayops.api.end_user_shapes import ClientList, NewClient, NewClientBody, OneNewClient, client_body
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_state import State
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import InPath, LateShape, PageAsked, paging
from gatewayops.base.errors import Forbidden, InvalidInput, Reason
from gatewayops.identity.oauth import grant_types, registration, tokens
from gatewayops.identity.oauth.refusals import OAuthRefused
from gatewayops.identity.principal import Principal, grants
from gatewayops.store.control import oauth_clients, oauth_keys, oauth_servers
from gatewayops.store.control.oauth_clients import ClientSpec
from gatewayops.store.control.oauth_servers import ProtectedServer

router = LateRouter(prefix="/v1", tags=["End users"])

Reader = Annotated[Principal, Depends(principal_for("end_users.read"))]
Writer = Annotated[Principal, Depends(principal_for("end_users.write"))]
KeyReader = Annotated[Principal, Depends(principal_for("secrets.read"))]
KeyWriter = Annotated[Principal, Depends(principal_for("secrets.write"))]

_ALL = (*grant_types.PERSONAL, *grant_types.TRUSTED)


class SigningKeyBody(LateShape):
    """A key by its `kid`: one signs (active), one comes next, retired ones outlive their tokens."""

    kid: str
    state: Literal["active", "next", "retired"]
    since: datetime


class SigningKeyList(LateShape):
    """All that the key sets of the organisation's servers show: a few."""

    signing_keys: list[SigningKeyBody]


@router.post("/servers/{server}/clients", status_code=201)
async def add(server: InPath, body: NewClient, caller: Writer, parts: Parts) -> OneNewClient:
    """Registers a client; its secret, if it has one, is shown now and never again."""
    known = await find_protected(parts, caller, server)
    spec = _spec(body, known)
    secret = tokens.new_token("cs") if registration.has_secret(spec.auth_method) else ""
    async with parts.database.session() as session:
        client = await oauth_clients.add(
            session,
            org_id=caller.org_id,
            server_id=known.id,
            kind="registered",
            spec=spec,
            secret_hash=tokens.digest(secret) if secret else "",
        )
    shown = client_body(client).model_dump()
    return OneNewClient(client=NewClientBody(**shown, secret=secret or None))


@router.get("/servers/{server}/clients")
async def list_clients(server: InPath, caller: Reader, parts: Parts, asked: PageAsked) -> ClientList:
    """A server's clients, newest first."""
    known = await find_protected(parts, caller, server)
    async with parts.database.reading() as session:
        page = await oauth_clients.page(session, org_id=caller.org_id, server_id=known.id, asked=asked)
    return ClientList(clients=[client_body(row) for row in page.rows], **paging(page))


@router.delete("/servers/{server}/clients/{client}", status_code=204)
async def disable(server: InPath, client: InPath, caller: Writer, parts: Parts) -> Response:
    """The client gets no more tokens, and those that it has are refused within a second."""
    known = await find_protected(parts, caller, server)
    async with parts.database.session() as session:
        await oauth_clients.disable(session, org_id=caller.org_id, server_id=known.id, ref=client)
    return Response(status_code=204)


@router.get("/signing-keys")
async def list_keys(caller: KeyReader, parts: Parts) -> SigningKeyList:
    """The keys that sign access tokens of the organisation's servers."""
    return await _keys(parts, caller)


@router.post("/signing-keys/rotate")
async def rotate(caller: KeyWriter, parts: Parts, state: State) -> SigningKeyList:
    """The next key signs from now on; tokens that the one before signed stay good until they expire."""
    await state.keys.rotate(caller.org_id)
    return await _keys(parts, caller)


def _spec(body: NewClient, server: ProtectedServer) -> ClientSpec:
    given = {
        "client_name": body.name,
        "redirect_uris": body.redirect_uris,
        "token_endpoint_auth_method": body.auth_method,
        "grant_types": body.grant_types,
        "scope": " ".join(body.scopes),
        "jwks": body.jwks,
        "jwks_uri": body.jwks_uri or None,
    }
    unknown = set(body.grant_types) - set(_ALL)
    if unknown:
        msg = f"grant_types: of {', '.join(_ALL)}"
        raise InvalidInput(msg)
    if not set(body.scopes) <= set(server.scopes):
        msg = f"scopes: this server offers {' '.join(server.scopes) or 'none'}"
        raise InvalidInput(msg)
    try:
        return registration.read(given, server.scopes, grantable=_ALL)
    except OAuthRefused as error:
        raise InvalidInput(error.detail) from error


async def _keys(parts: ControlParts, caller: Principal) -> SigningKeyList:
    async with parts.database.reading() as session:
        known = await oauth_keys.known(session, org_id=caller.org_id)
    return SigningKeyList(
        signing_keys=[
            SigningKeyBody.model_validate({"kid": key.id, "state": key.state, "since": key.since})
            for key in known
        ]
    )


async def find_protected(parts: ControlParts, caller: Principal, ref: str) -> ProtectedServer:
    """A server of the caller's that people sign in to, by id or name. Raises NotFound, Forbidden."""
    async with parts.database.reading() as session:
        server = await oauth_servers.find(session, org_id=caller.org_id, ref=ref)
    if not grants(caller.servers, server.name):
        msg = f"your key does not cover the server {server.name}"
        raise Forbidden(msg, Reason.SERVER_NOT_GRANTED)
    return server
