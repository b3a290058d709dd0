"""Tokens of users' own accounts at MCP servers, between their authorization server and the sealed row."""

from datetime import datetime, timedelta

from gatewayops.api.parts import ControlParts
from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError, NotFound
from gatewayops.store.control import servers, upstream_accounts, upstream_clients
from gatewayops.store.control.servers import Server
from gatewayops.store.control.upstream_accounts import (
    Sealed,
    UpstreamAccount,
    access_binding,
    refresh_binding,
)
from gatewayops.store.control.upstream_clients import UpstreamClient
from gatewayops.upstream.accounts import tokens
from gatewayops.upstream.accounts.held import SignInNeeded
from gatewayops.upstream.accounts.tokens import Client, GrantEnded, Tokens

_AHEAD = timedelta(minutes=5)
_AHEAD_SHARE = 0.2  # of a shorter life
_AGAIN = timedelta(seconds=30)


async def proof(
    parts: ControlParts, client: UpstreamClient, *, endpoint: str, allows_private: bool
) -> Client:
    """Our client as it proves itself at one of its endpoints. Raises SealBroken, MasterKeyUnavailable."""
    secret = await parts.credentials.open_if_any(
        client.sealed_secret, org_id=client.org_id, bound_to=client.bound_to()
    )
    return Client(
        endpoint=endpoint,
        client_id=client.client_id,
        auth_method=client.auth_method,
        secret=secret.decode(),
        allows_private=allows_private,
    )


async def seal(parts: ControlParts, given: Tokens, *, org_id: str, account_id: str) -> Sealed:
    """Ready to be kept, with the moment to renew it: ahead of its end. Raises MasterKeyUnavailable."""
    bound_to, seal_ = access_binding(org_id, account_id), parts.credentials.seal
    access = await seal_(given.access.encode(), org_id=org_id, bound_to=bound_to)
    refresh = b""
    if given.refresh:
        bound_to = refresh_binding(org_id, account_id)
        refresh = await seal_(given.refresh.encode(), org_id=org_id, bound_to=bound_to)
    expires_at, renew_at = _times(given)
    return Sealed(access=access, refresh=refresh, expires_at=expires_at, renew_at=renew_at)


async def own_header(parts: ControlParts, server: Server, user_id: str) -> dict[str, str]:
    """What a request to the server carries for a user. Raises SignInNeeded where they must sign in first."""
    found = None
    if user_id:
        async with parts.database.reading() as session:
            found = await upstream_accounts.of_user(
                session, org_id=server.org_id, server_id=server.id, user_id=user_id
            )
    if found is None or found.account.state != upstream_accounts.CONNECTED:
        msg = f"{server.spec.name} takes each user's own account, and none of yours is connected there"
        raise SignInNeeded(msg)
    bound_to = access_binding(server.org_id, found.account.id)
    token = await parts.credentials.open(found.account.sealed_access, org_id=server.org_id, bound_to=bound_to)
    return {"Authorization": f"Bearer {token.decode()}"}


async def renew(parts: ControlParts, account: UpstreamAccount) -> None:
    """Gets new tokens for an account that was claimed. What fails for good ends it, the rest is put off."""
    try:
        given = await _renewed(parts, account)
    except GrantEnded as error:
        async with parts.database.session() as session:
            if error.is_client_gone:
                await upstream_clients.lost(session, org_id=account.org_id, ref=account.client_ref)
            await upstream_accounts.ended(session, account, why=error.detail)
    except GatewayOpsError as error:
        async with parts.database.session() as session:
            until = clock.now() + _AGAIN
            await upstream_accounts.postponed(session, account, why=error.detail[:255], until=until)
    else:
        sealed = await seal(parts, given, org_id=account.org_id, account_id=account.id)
        async with parts.database.session() as session:
            await upstream_accounts.renewed(session, account, sealed)


async def revoke(parts: ControlParts, account: UpstreamAccount) -> bool:
    """Tells the authorization server that the tokens are not needed any more (RFC 7009), if it takes that."""
    endpoint, org_id = account.place.revocation_endpoint, account.org_id
    if not endpoint or not account.sealed_access:
        return False
    try:
        at = await _at_endpoint(parts, account, endpoint)
        told = []
        for sealed, bound_to, hint in (
            (account.sealed_refresh, refresh_binding(org_id, account.id), "refresh_token"),
            (account.sealed_access, access_binding(org_id, account.id), "access_token"),
        ):
            if sealed:
                plain = await parts.credentials.open(sealed, org_id=org_id, bound_to=bound_to)
                told.append(await tokens.revoke(at, plain.decode(), hint=hint))
    except GatewayOpsError:
        return False
    return all(told)


async def _renewed(parts: ControlParts, account: UpstreamAccount) -> Tokens:
    if not account.sealed_refresh:
        msg = "the access has run out, and the authorization server gave nothing to renew it with"
        raise GrantEnded(msg)
    org_id, bound_to = account.org_id, refresh_binding(account.org_id, account.id)
    at = await _at_endpoint(parts, account, account.place.token_endpoint)
    refresh = await parts.credentials.open(account.sealed_refresh, org_id=org_id, bound_to=bound_to)
    return await tokens.of_refresh(at, refresh=refresh.decode(), resource=account.place.resource)


async def _at_endpoint(parts: ControlParts, account: UpstreamAccount, endpoint: str) -> Client:
    """Raises GrantEnded where server or client are no longer what the account was connected with."""
    async with parts.database.reading() as session:
        try:
            server = await servers.find(session, org_id=account.org_id, ref=account.server_id)
            client = await upstream_clients.by_ref(session, org_id=account.org_id, ref=account.client_ref)
        except NotFound as error:
            raise GrantEnded(error.detail) from error
    if server.spec.url != account.place.url:
        msg = "the server has another address now"
        raise GrantEnded(msg)
    return await proof(parts, client, endpoint=endpoint, allows_private=server.spec.allows_private)


def _times(given: Tokens) -> tuple[datetime | None, datetime | None]:
    if given.lives_s is None:
        return None, None
    life = timedelta(seconds=given.lives_s)
    expires_at = clock.now() + life
    ahead = min(_AHEAD, life * _AHEAD_SHARE) if given.refresh else timedelta()
    return expires_at, expires_at - ahead
