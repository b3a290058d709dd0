"""A client that registered itself reads, replaces and ends its registration (RFC 7592).

It shows the token that it was given with its registration. Who shows a wrong one learns nothing, not even
whether there is such a client.
"""

import hmac
import json
from typing import Annotated, Any

from fastapi import Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from gatewayops.api.caller_address import address_of
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import body_of, told
from gatewayops.api.oauth_state import AtServer, Here, OAuthState, State, protected_server
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.identity.oauth import registration, tokens
from gatewayops.identity.oauth.refusals import OAuthRefused
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import oauth_clients
from gatewayops.store.control.oauth_clients import Client, ClientSpec
from gatewayops.store.origin import Origin

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])

ClientId = Annotated[str, Path(max_length=64)]


def management(here: Here, client_id: str, token: str) -> dict[str, Any]:
    """The members of a registration's answer that say where and with what it is managed."""
    return {
        "registration_client_uri": f"{here.issuer}/register/{client_id}",
        "registration_access_token": token,
    }


@router.get("/register/{client_id}")
async def read(
    client_id: ClientId, request: Request, here: AtServer, parts: Parts, state: State
) -> JSONResponse:
    """As it is kept; the secret is not."""
    client, token = await _managed(client_id, request, here, parts, state)
    return _told(here, client, client.spec, secret="", token=token)


@router.put("/register/{client_id}")
async def replace(
    client_id: ClientId, request: Request, here: AtServer, parts: Parts, state: State
) -> JSONResponse:
    """All of it anew. A client that has a secret gets another when it does not show the one it has."""
    client, token = await _managed(client_id, request, here, parts, state)
    given = read_json(await body_of(request))
    if not isinstance(given, dict) or given.get("client_id") != client.client_id:
        msg = "client_id: that of the registration"
        raise OAuthRefused("invalid_client_metadata", msg)
    spec = registration.read(given, here.server.scopes)
    secret, secret_hash = _secret(given, client, spec)
    origin.enter(Origin(Actor("client", client.id, client.spec.name), address=address_of(request)))
    async with parts.database.session() as session:
        await oauth_clients.replace(session, client, spec=spec, secret_hash=secret_hash)
    state.clients.pop((here.server.id, client.client_id), None)
    return _told(here, client, spec, secret=secret, token=token)


@router.delete("/register/{client_id}", status_code=204)
async def end(client_id: ClientId, request: Request, here: AtServer, parts: Parts, state: State) -> Response:
    """The client gets no more tokens, and those that it has end within a second."""
    client, _ = await _managed(client_id, request, here, parts, state)
    origin.enter(Origin(Actor("client", client.id, client.spec.name), address=address_of(request)))
    server = here.server
    async with parts.database.session() as session:
        await oauth_clients.disable(session, org_id=server.org_id, server_id=server.id, ref=client.id)
    state.clients.pop((server.id, client.client_id), None)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def read_json(raw: bytes) -> object:
    """Raises OAuthRefused (invalid_client_metadata)."""
    try:
        found: object = json.loads(raw)
    except (ValueError, RecursionError) as error:
        msg = "the body is not JSON"
        raise OAuthRefused("invalid_client_metadata", msg) from error
    return found


async def _managed(
    client_id: str, request: Request, here: Here, parts: ControlParts, state: OAuthState
) -> tuple[Client, str]:
    who = "manage", here.server.id, address_of(request)
    state.registrations.check(*who)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    async with parts.database.reading() as session:
        client = await oauth_clients.managed(
            session,
            org_id=here.server.org_id,
            server_id=here.server.id,
            client_id=client_id,
            token_hash=tokens.digest(token) if token else "",
        )
    if client is None:
        state.registrations.add(*who)
        msg = "no registration that this token manages"
        raise OAuthRefused("invalid_token", msg, status=401)
    return client, token


def _secret(given: dict[str, Any], client: Client, spec: ClientSpec) -> tuple[str, str]:
    if not registration.has_secret(spec.auth_method):
        return "", ""
    shown = given.get("client_secret")
    if isinstance(shown, str) and client.secret_hash:
        digest = tokens.digest(shown)
        if not hmac.compare_digest(digest, client.secret_hash):
            msg = "client_secret: not the one that the client has"
            raise OAuthRefused("invalid_client_metadata", msg)
        return shown, digest
    secret = tokens.new_token("cs")
    return secret, tokens.digest(secret)


def _told(here: Here, client: Client, spec: ClientSpec, *, secret: str, token: str) -> JSONResponse:
    issued_at = int(client.created_at.timestamp())
    answer = registration.answer(client.client_id, spec, issued_at=issued_at, secret=secret)
    return told(answer | management(here, client.client_id, token))
