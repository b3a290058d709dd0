"""`/v1/identity-providers`: where the organisation's people sign in.

Who sets a provider says who people are, so it takes somebody who holds everything: else they would become
more than they are by a provider of their own.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import Body, Depends, Request, Response

from gatewayops.api import saml_providers
from gatewayops.api.access import Change, check_holds_all
from gatewayops.api.auth import principal_for
from gatewayops.api.issuers import check_issuer
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.person import current
from gatewayops.api.private_networks import check_may_allow
from gatewayops.api.shapes import InPath, PageAsked, paging
from gatewayops.api.sso import OidcSettings, redirect_uri, registration_of, speaks_saml, sso_of
from gatewayops.api.sso_shapes import (
    AnyNewProvider,
    Mapping,
    NewProvider,
    NewSamlProvider,
    OneProvider,
    ProviderChange,
    ProviderList,
    ProviderTested,
    provider_body,
)
from gatewayops.base.errors import Conflict, GatewayOpsError, InvalidInput, NotFound
from gatewayops.identity.principal import Principal
from gatewayops.identity.saml.registration import of_settings, us_at
from gatewayops.store.control import admission, directory, identity_providers, roles
from gatewayops.store.control.database import Session
from gatewayops.store.control.identity_providers import (
    GroupMapping,
    Provider,
    ProviderSpec,
    new_provider_id,
    provider_binding,
)

router = LateRouter(prefix="/v1/identity-providers", tags=["Single sign-on"])

_WRITE = "sso.write"
_FIELDS = {
    "enabled": "is_enabled",
    "sso_required": "is_sso_required",
    "trust_email": "trusts_email",
    "create_users": "is_jit",
    "session_hours": "session_hours",
}
_CLIENT = ("issuer", "client_id")
_SETTINGS = (*_CLIENT, "scopes", "groups_claim")
_OTHERS = ("client_secret", *_SETTINGS)  # of those that do not speak SAML
_SAML = ("metadata", "metadata_url", "allow_idp_initiated", "allow_sha1", "attributes")

Reader = Annotated[Principal, Depends(principal_for("sso.read"))]
Writer = Annotated[Principal, Depends(principal_for(_WRITE))]
AnyProvider = Annotated[NewProvider | NewSamlProvider, Body(discriminator="kind")]


@router.post("", status_code=201)
async def add(body: AnyProvider, caller: Writer, parts: Parts) -> OneProvider:
    """Adds a provider. Register its `redirect_uri` there; its domains come with POST /v1/sso-domains."""
    await check_holds_all(parts.database, caller, _WRITE)
    check_may_allow(parts, caller, is_asked=body.allow_private_network)
    settings, secret = await _settings_of(body)
    provider_id = new_provider_id()
    sealed = await _sealed(parts, secret, org_id=caller.org_id, provider_id=provider_id)
    async with parts.database.session() as session:
        spec = ProviderSpec(
            kind=body.kind,
            name=body.name,
            settings=settings,
            secret_sealed=sealed,
            is_enabled=body.enabled,
            trusts_email=body.trust_email,
            is_jit=body.create_users,
            jit_role_id=await _role_id(session, caller.org_id, body.new_user_role, "new_user_role"),
            jit_team_id=await _team_id(session, caller.org_id, body.new_user_team, "new_user_team"),
            group_mappings=await _mappings(session, caller.org_id, body.group_mappings),
            session_hours=body.session_hours,
        )
        made = await identity_providers.add(session, org_id=caller.org_id, provider_id=provider_id, spec=spec)
    return OneProvider(identity_provider=provider_body(made, address=parts.address))


@router.get("")
async def list_providers(caller: Reader, parts: Parts, asked: PageAsked) -> ProviderList:
    """The organisation's providers, newest first."""
    async with parts.database.reading() as session:
        page = await identity_providers.page(session, org_id=caller.org_id, asked=asked)
    shown = [provider_body(row, address=parts.address) for row in page.rows]
    return ProviderList(identity_providers=shown, **paging(page))


@router.get("/{provider}")
async def show(provider: InPath, caller: Reader, parts: Parts) -> OneProvider:
    """One provider, by id or name."""
    async with parts.database.reading() as session:
        found = await identity_providers.find(session, org_id=caller.org_id, ref=provider)
    return OneProvider(identity_provider=provider_body(found, address=parts.address))


@router.patch("/{provider}")
async def change(
    provider: InPath, body: ProviderChange, request: Request, caller: Writer, parts: Parts
) -> OneProvider:
    """Changes what is given. Off: nobody comes in by it, its sessions end, and roles by its groups go.

    Who came in by it does not switch it off, and nobody takes from themselves what they need to be here.
    """
    await check_holds_all(parts.database, caller, _WRITE)
    org_id = caller.org_id
    async with parts.database.reading() as session:
        known = await identity_providers.find(session, org_id=org_id, ref=provider)
    if body.enabled is False:
        _check_not_own(request, known)
    given = body.model_dump(exclude_none=True)
    columns: dict[str, Any] = {_FIELDS[name]: value for name, value in given.items() if name in _FIELDS}
    columns |= await _of_its_kind(known, body, given)
    _check_secret_stays(known, body)
    if body.client_secret is not None:
        columns["secret_sealed"] = await _sealed(
            parts, body.client_secret.encode(), org_id=org_id, provider_id=known.id
        )
    async with parts.database.session() as session:
        own = await Change.begin(session, caller, _WRITE)
        columns |= await _referred(session, org_id, body)
        if body.enabled or "settings" in columns:
            is_enabled = known.spec.is_enabled if body.enabled is None else body.enabled
            await _check_client(session, known, columns.get("settings", {}), is_enabled=is_enabled)
        if body.sso_required and not await admission.has_admitted(session, known):
            msg = "sso_required: nobody has signed in by this provider yet; do so once, then require it"
            raise Conflict(msg)
        changed = await identity_providers.change(
            session, org_id=org_id, provider_id=known.id, columns=columns
        )
        await own.finish(session)
    return OneProvider(identity_provider=provider_body(changed, address=parts.address))


@router.delete("/{provider}", status_code=204)
async def remove(provider: InPath, request: Request, caller: Writer, parts: Parts) -> Response:
    """Removes it with its domains, the roles that its groups gave, and the sessions that it made."""
    await check_holds_all(parts.database, caller, _WRITE)
    async with parts.database.session() as session:
        own = await Change.begin(session, caller, _WRITE)
        _check_not_own(request, await identity_providers.find(session, org_id=caller.org_id, ref=provider))
        await identity_providers.remove(session, org_id=caller.org_id, ref=provider)
        await own.finish(session)
    return Response(status_code=204)


@router.post("/{provider}/test")
async def test(provider: InPath, request: Request, caller: Writer, parts: Parts) -> ProviderTested:
    """Asks the provider what it says of itself, now."""
    async with parts.database.reading() as session:
        found = await identity_providers.find(session, org_id=caller.org_id, ref=provider)
    if speaks_saml(found):
        return await _tested_saml(found, parts.address)
    party, known = sso_of(request).party, registration_of(found)
    endpoints, keys, error = None, 0, ""
    try:
        endpoints = await party.endpoints(known)
        keys = await party.key_count(known)
    except GatewayOpsError as refused:
        error = refused.detail
    way = "client_secret_basic" if endpoints and endpoints.is_basic else "client_secret_post"
    return ProviderTested(
        is_found=not error,
        issuer=known.address,
        authorization_endpoint=endpoints.authorization if endpoints else None,
        token_endpoint=endpoints.token if endpoints else None,
        userinfo_endpoint=(endpoints.userinfo or None) if endpoints else None,
        client_authentication=(way if found.spec.secret_sealed else "none") if endpoints else None,
        signing_keys=keys,
        redirect_uri=redirect_uri(parts.address, found.id),
        error=error or None,
    )


async def _settings_of(body: AnyNewProvider) -> tuple[dict[str, Any], bytes]:
    """As they are kept, and what is sealed."""
    if isinstance(body, NewSamlProvider):
        return await saml_providers.settings_of(body)
    assert isinstance(body, NewProvider)
    if body.issuer or body.enabled:
        check_issuer(body.kind, body.issuer, allows_private=body.allow_private_network)
    _check_complete(body.client_id, is_enabled=body.enabled)
    settings = OidcSettings(
        client_id=body.client_id,
        issuer=body.issuer,
        scopes=tuple(body.scopes),
        groups_claim=body.groups_claim,
        allows_private=body.allow_private_network,
    )
    return msgspec.to_builtins(settings), body.client_secret.encode()


async def _of_its_kind(known: Provider, body: ProviderChange, given: dict[str, Any]) -> dict[str, Any]:
    """Those settings that are to change, if any. Raises InvalidInput for those of another protocol."""
    is_saml = speaks_saml(known)
    for name in _OTHERS if is_saml else _SAML:
        if name in given:
            msg = f"{name}: a provider of the kind {known.spec.kind} has none"
            raise InvalidInput(msg)
    if is_saml and any(name in given for name in _SAML):
        return {"settings": await saml_providers.changed(known, body)}
    settings = {name: given[name] for name in _SETTINGS if name in given}
    return {"settings": settings} if settings else {}


async def _tested_saml(found: Provider, address: str) -> ProviderTested:
    """Reads its metadata again, where it has an address."""
    known, error = of_settings(found.spec.settings), ""
    try:
        if known.metadata_url:
            await saml_providers.described("", known.metadata_url, allows_private=known.allows_private)
    except GatewayOpsError as refused:
        error = refused.detail
    return ProviderTested(
        is_found=not error,
        issuer=known.idp.entity_id,
        authorization_endpoint=known.idp.sign_in_url,
        token_endpoint=None,
        userinfo_endpoint=None,
        client_authentication=None,
        signing_keys=len(known.idp.certificates),
        redirect_uri=us_at(address, found.id).acs_url,
        error=error or None,
    )


async def _check_client(
    session: Session, known: Provider, settings: dict[str, Any], *, is_enabled: bool
) -> None:
    """Raises Conflict for another client once people are known by it, InvalidInput for half a client."""
    if speaks_saml(known):
        return
    before = known.spec.settings
    after = msgspec.convert(before | settings, OidcSettings)
    if any(settings.get(name, before.get(name)) != before.get(name) for name in _CLIENT) and (
        await admission.has_admitted(session, known)
    ):
        msg = "issuer, client_id: somebody has come in by this provider, and people are known by them"
        raise Conflict(msg)
    if after.issuer or is_enabled:
        check_issuer(known.spec.kind, after.issuer, allows_private=after.allows_private)
    _check_complete(after.client_id, is_enabled=is_enabled)


def _check_secret_stays(known: Provider, body: ProviderChange) -> None:
    """Raises InvalidInput for another issuer without a secret of its own: it would be sent the old one."""
    is_other = body.issuer is not None and body.issuer != known.spec.settings.get("issuer")
    if is_other and known.spec.secret_sealed and body.client_secret is None:
        msg = "client_secret: give it again, for the issuer is another now, which must not get the old one"
        raise InvalidInput(msg)


def _check_complete(client_id: str, *, is_enabled: bool) -> None:
    """A provider that is off may still lack what it will call us. Raises InvalidInput."""
    if is_enabled and not client_id:
        msg = "client_id: what the provider calls us"
        raise InvalidInput(msg)


def _check_not_own(request: Request, provider: Provider) -> None:
    """Raises Conflict for who came in by it: the way back would be shut."""
    found = current(request)
    if found is not None and found.session.provider_id == provider.id:
        msg = "you came in by this provider and would be shut out; somebody else must do it"
        raise Conflict(msg)


async def _sealed(parts: ControlParts, secret: bytes, *, org_id: str, provider_id: str) -> bytes:
    bound_to = provider_binding(org_id, provider_id)
    return await parts.credentials.seal_if_any(secret, org_id=org_id, bound_to=bound_to)


async def _referred(session: Session, org_id: str, body: ProviderChange) -> dict[str, Any]:
    """The columns that name roles and teams."""
    columns: dict[str, Any] = {}
    if body.new_user_role is not None:
        columns["jit_role_id"] = await _role_id(session, org_id, body.new_user_role, "new_user_role")
    if body.new_user_team is not None:
        columns["jit_team_id"] = await _team_id(session, org_id, body.new_user_team, "new_user_team")
    if body.group_mappings is not None:
        columns["group_mappings"] = await _mappings(session, org_id, body.group_mappings)
    return columns


async def _mappings(session: Session, org_id: str, given: Sequence[Mapping]) -> tuple[GroupMapping, ...]:
    found = []
    for one in given:
        if not one.role and not one.team:
            msg = f"group_mappings: {one.group} gives neither a role nor a team"
            raise InvalidInput(msg)
        role_id = await _role_id(session, org_id, one.role, "group_mappings.role")
        team_id = await _team_id(session, org_id, one.team, "group_mappings.team")
        found.append(GroupMapping(one.group, role_id, team_id))
    return tuple(found)


async def _role_id(session: Session, org_id: str, ref: str, field: str) -> str:
    if not ref:
        return ""
    try:
        return (await roles.find(session, org_id=org_id, ref=ref)).id
    except NotFound as error:
        msg = f"{field}: no role of that id or name; see GET /v1/roles"
        raise InvalidInput(msg) from error


async def _team_id(session: Session, org_id: str, ref: str, field: str) -> str:
    return await directory.team_id(session, org_id=org_id, ref=ref, field=field)
