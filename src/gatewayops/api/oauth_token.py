"""The token endpoint, revocation (RFC 7009) and introspection (RFC 7662) of a protected server."""

import msgspec
from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from gatewayops.api import oauth_assertions, oauth_device, oauth_machines
from gatewayops.api.auth import KeyCheck
from gatewayops.api.caller_address import address_of
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_answers import form_of, told
from gatewayops.api.oauth_clients import authenticated
from gatewayops.api.oauth_issue import Issue, issued, of_grant, of_new_grant, verified
from gatewayops.api.oauth_state import AtServer, Here, OAuthState, State, protected_server
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.base.errors import GatewayOpsError
from gatewayops.identity.oauth import grant_types, pkce, scopes, tokens
from gatewayops.identity.oauth.authorization import Parameters
from gatewayops.identity.oauth.refusals import (
    OAuthRefused,
    invalid_client,
    invalid_grant,
    invalid_request,
    invalid_target,
)
from gatewayops.identity.principal import grants as covers
from gatewayops.policy.decision import Deny
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import oauth_grants, oauth_revocations
from gatewayops.store.control.oauth_clients import Client
from gatewayops.store.control.oauth_grants import CodeUse, Grant, Successor
from gatewayops.store.origin import Origin

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])

_ACTION = "end_users.read"


@router.post("/token")
async def token(request: Request, here: AtServer, parts: Parts, state: State) -> JSONResponse:
    """Tokens for whatever a client may bring."""
    given = await form_of(request)
    client = await authenticated(request, given, here, parts, state)
    origin.enter(Origin(Actor("client", client.id, client.spec.name), address=address_of(request)))
    if given.get("resource") not in ("", here.resource):
        raise invalid_target()
    grant_type = given.get("grant_type")
    if not grant_type:
        msg = "grant_type: missing"
        raise invalid_request(msg)
    if grant_type not in (*grant_types.PERSONAL, *grant_types.TRUSTED):
        msg = "grant_type: not one of this server's metadata"
        raise OAuthRefused("unsupported_grant_type", msg)
    grant_types.check_may(grant_type, client.spec.grant_types)
    match grant_type:
        case grant_types.AUTHORIZATION_CODE:
            what = await _of_code(given, here, parts, client)
        case grant_types.REFRESH_TOKEN:
            what = await _of_refresh(given, here, parts, client)
        case grant_types.DEVICE_CODE:
            what = await oauth_device.of_device(given, here, parts, client)
        case grant_types.CLIENT_CREDENTIALS:
            what = oauth_machines.of_client(given, here, client)
        case grant_types.TOKEN_EXCHANGE:
            what = await oauth_machines.of_exchange(given, here, parts, state, client)
        case _:
            what = await oauth_assertions.of_assertion(given, here, parts, state, client)
    return await issued(here, state, what)


@router.post("/revoke")
async def revoke(request: Request, here: AtServer, parts: Parts, state: State) -> JSONResponse:
    """A refresh token ends its whole grant, an access token itself; one that we don't know is no error."""
    given = await form_of(request)
    client = await authenticated(request, given, here, parts, state)
    origin.enter(Origin(Actor("client", client.id, client.spec.name), address=address_of(request)))
    text = given.get("token")
    if not text:
        msg = "token: missing"
        raise invalid_request(msg)
    server = here.server
    access = await verified(here, state, text)
    async with parts.database.session() as session:
        if access is not None and access.client_id == client.client_id:
            await oauth_revocations.add(session, org_id=server.org_id, kind="token", subject=access.token_id)
        elif access is None:
            digest = tokens.digest(text)
            grant = await oauth_grants.of_refresh(
                session, org_id=server.org_id, server_id=server.id, digest=digest
            )
            if grant is not None and grant.client_ref == client.id:
                await oauth_grants.revoke(
                    session, org_id=server.org_id, grant_id=grant.id, reason="client_revoked"
                )
    return told({})


@router.post("/introspect")
async def introspect(request: Request, here: AtServer, parts: Parts, state: State) -> JSONResponse:
    """What a token is good for now: for clients with a secret or a key, and for the customer's API keys."""
    given = await form_of(request)
    await _check_may_look(request, given, here, parts, state)
    text = given.get("token")
    access = await verified(here, state, text)
    if access is None or not await oauth_machines.still_counts(here, parts, access):
        return told({"active": False})
    shown = msgspec.to_builtins(access)
    del shown["gid"], shown["org"]
    return told({"active": True, "token_type": "Bearer", **shown})


async def _of_code(given: Parameters, here: Here, parts: ControlParts, client: Client) -> Issue:
    if not given.get("code") or not given.get("code_verifier"):
        msg = "code and code_verifier are needed"
        raise invalid_request(msg)
    refresh = tokens.new_token("rt")
    use = CodeUse(
        server_id=here.server.id,
        client_ref=client.id,
        digest=tokens.digest(given.get("code")),
        challenge=pkce.challenge_of(given.get("code_verifier")),
        redirect_uri=given.get("redirect_uri"),
    )
    async with parts.database.session() as session:
        grant = await oauth_grants.use_code(
            session, org_id=here.server.org_id, use=use, refresh_digest=tokens.digest(refresh)
        )
    if grant is None:
        msg = "code: unknown, used, expired, or not of this client, verifier and redirect_uri"
        raise invalid_grant(msg)
    return await of_new_grant(parts, grant, refresh=refresh)


async def _of_refresh(given: Parameters, here: Here, parts: ControlParts, client: Client) -> Issue:
    presented = given.get("refresh_token")
    if not presented:
        msg = "refresh_token: missing"
        raise invalid_request(msg)
    server = here.server
    await _check_narrowing(given, here, parts, presented)
    refresh = tokens.new_token("rt")
    sealed = tokens.seal_successor(refresh, replaced=presented)
    async with parts.database.session() as session:
        rotated = await oauth_grants.use_refresh(
            session,
            server=(server.org_id, server.id),
            client_ref=client.id,
            digest=tokens.digest(presented),
            successor=Successor(tokens.digest(refresh), sealed),
        )
        if rotated is not None and not given.get("scope"):
            _check_suffices(rotated.grant, here)  # before the commit, so that the token is not used up
    if rotated is None:
        msg = "refresh_token: unknown, expired, revoked, replaced, or not of this client"
        raise invalid_grant(msg)
    return of_grant(
        rotated.grant,
        refresh=tokens.open_successor(rotated.successor_sealed, replaced=presented),
        scope=scopes.narrowed(given.get("scope"), rotated.grant.scope),
    )


def _check_suffices(grant: Grant, here: Here) -> None:
    """Raises OAuthRefused when the server came to need more than was granted: no token would be let in.

    The official TypeScript client answers a 403 for scopes with a refresh, and asks its person only when
    that fails.
    """
    missing = [one for one in here.server.scopes if one not in grant.scope.split()]
    if missing:
        msg = f"refresh_token: the server now needs {' '.join(missing)} too; ask the person again"
        raise invalid_grant(msg)


async def _check_narrowing(given: Parameters, here: Here, parts: ControlParts, presented: str) -> None:
    """Before the token is used up: a scope that is too wide must not cost the client its token."""
    if not given.get("scope"):
        return
    server = here.server
    async with parts.database.reading() as session:
        grant = await oauth_grants.of_refresh(
            session, org_id=server.org_id, server_id=server.id, digest=tokens.digest(presented)
        )
    if grant is not None:
        scopes.narrowed(given.get("scope"), grant.scope)


async def _check_may_look(
    request: Request, given: Parameters, here: Here, parts: ControlParts, state: OAuthState
) -> None:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        client = await authenticated(request, given, here, parts, state)
        if client.spec.auth_method == "none":
            msg = "introspection needs a client with a secret or a key, or an API key as bearer"
            raise invalid_client(msg)
        return
    check = request.app.state.key_check
    assert isinstance(check, KeyCheck)
    try:
        caller = await check.principal(bearer.strip())
    except GatewayOpsError as error:
        raise invalid_client(error.detail) from error
    is_ours = caller.org_id == here.server.org_id and covers(caller.servers, here.server.name)
    if not is_ours or isinstance(await check.decide(caller, _ACTION), Deny):
        msg = f"the API key may not look into tokens of this server; it needs {_ACTION}"
        raise OAuthRefused("access_denied", msg, status=403)
