"""The token endpoint, revocation (RFC 7009) and introspection (RFC 7662) of a protected server."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from gatewayops.api.auth import KeyCheck
from gatewayops.api.caller_address import address_of
from gatewayops.api.oauth_answers import form_of, told
from gatewayops.api.oauth_clients import authenticated
from gatewayops.api.oauth_state import AtServer, Here, OAuthState, State, protected_server
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.base.clock import unix_s
from gatewayops.base.errors import GatewayOpsError, NotFound
from gatewayops.base.ids import new_id
from gatewayops.identity.oauth import pkce, scopes, tokens
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

router = APIRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])

_ACTION = "end_users.read"


@router.post("/token")
async def token(request: Request, here: AtServer, parts: Parts, state: State) -> JSONResponse:
    """Tokens for a code or for a refresh token."""
    given = await form_of(request)
    client = await authenticated(request, given, here, parts, state)
    origin.enter(Origin(Actor("client", client.id, client.spec.name), address=address_of(request)))
    if given.get("resource") not in ("", here.resource):
        raise invalid_target()
    match given.get("grant_type"):
        case "authorization_code":
            grant, refresh = await _of_code(given, here, parts, client)
            scope = grant.scope
        case "refresh_token":
            grant, refresh = await _of_refresh(given, here, parts, client)
            scope = scopes.narrowed(given.get("scope"), grant.scope)
        case "":
            msg = "grant_type: authorization_code or refresh_token"
            raise invalid_request(msg)
        case _:
            msg = "grant_type: authorization_code or refresh_token"
            raise OAuthRefused("unsupported_grant_type", msg)
    access = await _access_token(here, state, grant, scope)
    answer = {"access_token": access, "token_type": "Bearer", "expires_in": tokens.ACCESS_LIFE_S}
    answer |= {"refresh_token": refresh} | ({"scope": scope} if scope else {})
    return told(answer)


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
    claims = await _verified(here, state, text)
    async with parts.database.session() as session:
        if claims is not None and claims.client_id == client.client_id:
            await oauth_revocations.add(session, org_id=server.org_id, kind="token", subject=claims.jti)
        elif claims is None:
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
    claims = await _verified(here, state, text)
    if claims is None or not await _still_counts(here, parts, claims):
        return told({"active": False})
    members = {
        name: getattr(claims, name) for name in ("scope", "client_id", "sub", "aud", "iss", "exp", "iat")
    }
    shown = {name: value for name, value in members.items() if value != ""}
    return told({"active": True, "token_type": "Bearer", "jti": claims.jti, **shown})


async def _of_code(given: Parameters, here: Here, parts: ControlParts, client: Client) -> tuple[Grant, str]:
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
    return grant, refresh


async def _of_refresh(
    given: Parameters, here: Here, parts: ControlParts, client: Client
) -> tuple[Grant, str]:
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
    return rotated.grant, tokens.open_successor(rotated.successor_sealed, replaced=presented)


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


async def _access_token(here: Here, state: OAuthState, grant: Grant, scope: str) -> str:
    now_s = int(unix_s())
    claims = tokens.Claims(
        iss=here.issuer,
        aud=here.resource,
        sub=grant.end_user_id,
        client_id=grant.client_id,
        iat=now_s,
        exp=now_s + tokens.ACCESS_LIFE_S,
        jti=new_id("at"),
        gid=grant.id,
        org=grant.org_id,
        scope=scope,
    )
    return (await state.keys.of(grant.org_id)).signer.sign(claims)


async def _verified(here: Here, state: OAuthState, text: str) -> tokens.Claims | None:
    if text.count(".") != 2:
        return None
    keys = (await state.keys.of(here.server.org_id)).public
    return tokens.verified(text, keys, issuer=here.issuer, audience=here.resource, now_s=unix_s())


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


async def _still_counts(here: Here, parts: ControlParts, claims: tokens.Claims) -> bool:
    org_id = here.server.org_id
    async with parts.database.reading() as session:
        try:
            grant = await oauth_grants.find(session, org_id=org_id, grant_id=claims.gid)
        except NotFound:
            return False
        is_revoked = await oauth_revocations.covers(
            session, org_id=org_id, iat=claims.iat, subjects=(claims.sub, claims.gid, claims.jti)
        )
    return grant.revoked_at is None and not is_revoked
