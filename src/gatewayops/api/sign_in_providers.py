"""`/v1/servers/{server}/sign-in-providers`: where end users of a protected server may sign in."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Response
from pydantic import SecretStr

from gatewayops.api.auth import principal_for
from gatewayops.api.issuers import check_issuer
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_providers import registration_of
from gatewayops.api.oauth_state import State
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.private_networks import check_may_allow
from gatewayops.api.server_clients import find_protected
from gatewayops.api.shapes import InPath, PageAsked, paging
from gatewayops.api.sign_in_provider_shapes import (
    NewProvider,
    OneProvider,
    ProviderChange,
    ProviderList,
    ProviderTested,
    provider_body,
)
from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError, InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.store.control import sign_in_providers
from gatewayops.store.control.oauth_servers import ProtectedServer
from gatewayops.store.control.sign_in_providers import Provider

router = LateRouter(prefix="/v1/servers/{server}/sign-in-providers", tags=["End users"])

_FIELDS = {"enabled": "is_enabled"}  # called otherwise in the store

Reader = Annotated[Principal, Depends(principal_for("end_users.read"))]
Writer = Annotated[Principal, Depends(principal_for("end_users.write"))]


@router.post("", status_code=201)
async def add(server: InPath, body: NewProvider, caller: Writer, parts: Parts) -> OneProvider:
    """Adds a provider; its button is on the sign-in page at once. Register the redirect URIs there."""
    known = await find_protected(parts, caller, server)
    check_issuer(body.kind, body.issuer, allows_private=body.allow_private_network)
    check_may_allow(parts, caller, is_asked=body.allow_private_network)
    provider_id = sign_in_providers.new_provider_id()
    provider = Provider(
        id=provider_id,
        org_id=caller.org_id,
        server_id=known.id,
        kind=body.kind,
        name=body.name,
        client_id=body.client_id,
        created_at=clock.now(),
        issuer=body.issuer,
        sealed_secret=await _sealed(parts, caller.org_id, provider_id, body.client_secret),
        scopes=tuple(dict.fromkeys(body.scopes)),
        email_domains=tuple(dict.fromkeys(body.email_domains)),
        allows_private=body.allow_private_network,
        allows_sign_up=body.allows_sign_up,
        trusts_email=body.trusts_email,
        is_enabled=body.enabled,
    )
    _check_usable(provider)
    async with parts.database.session() as session:
        await sign_in_providers.add(session, provider)
    return OneProvider(sign_in_provider=provider_body(provider, parts.site.forms(known.slug)))


@router.get("")
async def list_providers(server: InPath, caller: Reader, parts: Parts, asked: PageAsked) -> ProviderList:
    """A server's providers, newest first."""
    known = await find_protected(parts, caller, server)
    async with parts.database.reading() as session:
        page = await sign_in_providers.page(session, org_id=caller.org_id, server_id=known.id, asked=asked)
    forms = parts.site.forms(known.slug)
    return ProviderList(sign_in_providers=[provider_body(row, forms) for row in page.rows], **paging(page))


@router.get("/{sign_in_provider}")
async def show(server: InPath, sign_in_provider: InPath, caller: Reader, parts: Parts) -> OneProvider:
    """One provider, by id or name."""
    known, found = await _find(parts, caller, server, sign_in_provider)
    return OneProvider(sign_in_provider=provider_body(found, parts.site.forms(known.slug)))


@router.patch("/{sign_in_provider}")
async def change(
    server: InPath, sign_in_provider: InPath, body: ProviderChange, caller: Writer, parts: Parts
) -> OneProvider:
    """Changes what is given. Switched off, it lets nobody in, also who is on the way; sessions go on."""
    known, before = await _find(parts, caller, server, sign_in_provider)
    given = body.model_dump(exclude_none=True, exclude={"client_secret"})
    changes: dict[str, Any] = {
        _FIELDS.get(name, name): tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }
    if body.client_secret is not None:
        changes["sealed_secret"] = await _sealed(parts, caller.org_id, before.id, body.client_secret)
    _check_usable(msgspec.structs.replace(before, **changes))
    async with parts.database.session() as session:
        now = await sign_in_providers.change(
            session, org_id=caller.org_id, server_id=known.id, ref=before.id, changes=changes
        )
    return OneProvider(sign_in_provider=provider_body(now, parts.site.forms(known.slug)))


@router.delete("/{sign_in_provider}", status_code=204)
async def remove(server: InPath, sign_in_provider: InPath, caller: Writer, parts: Parts) -> Response:
    """Nobody comes in by it any more; accounts and sessions of those who did stay."""
    known = await find_protected(parts, caller, server)
    async with parts.database.session() as session:
        await sign_in_providers.remove(
            session, org_id=caller.org_id, server_id=known.id, ref=sign_in_provider
        )
    return Response(status_code=204)


@router.post("/{sign_in_provider}/test")
async def test(
    server: InPath, sign_in_provider: InPath, caller: Writer, parts: Parts, state: State
) -> ProviderTested:
    """Looks the provider up as a sign-in would; whether it knows us shows only at the first sign-in."""
    _, found = await _find(parts, caller, server, sign_in_provider)
    try:
        keys = await state.party.key_count(registration_of(found))
    except GatewayOpsError as error:
        return ProviderTested(ok=False, error=error.detail)
    return ProviderTested(ok=True, keys=keys)


async def _find(
    parts: ControlParts, caller: Principal, server: str, ref: str
) -> tuple[ProtectedServer, Provider]:
    known = await find_protected(parts, caller, server)
    async with parts.database.reading() as session:
        found = await sign_in_providers.find(session, org_id=caller.org_id, server_id=known.id, ref=ref)
    return known, found


def _check_usable(provider: Provider) -> None:
    if provider.kind != "oidc" and not provider.sealed_secret:
        msg = f"client_secret: {provider.kind} gives one to every client"
        raise InvalidInput(msg)
    if provider.kind != "github" and provider.scopes and "openid" not in provider.scopes:
        msg = "scopes: openid must be among them"
        raise InvalidInput(msg)


async def _sealed(parts: ControlParts, org_id: str, provider_id: str, secret: SecretStr) -> bytes:
    plain, bound_to = secret.get_secret_value().encode(), sign_in_providers.binding(org_id, provider_id)
    return await parts.credentials.seal_if_any(plain, org_id=org_id, bound_to=bound_to)
