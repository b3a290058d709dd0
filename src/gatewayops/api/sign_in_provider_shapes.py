"""The bodies of `/v1/servers/{server}/sign-in-providers`."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from gatewayops.api.oauth_providers import callback_url
from gatewayops.api.shapes import Body, LateShape, Listed, Scope
from gatewayops.store.control.sign_in_providers import Provider
from gatewayops.store.oauth_addresses import Addresses

ProviderName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _sendable(secret: SecretStr) -> SecretStr:
    if re.fullmatch(r"[\x20-\x7e]*", secret.get_secret_value()) is None:
        msg = "visible ASCII characters and spaces only (RFC 6749, A.2)"
        raise ValueError(msg)
    return secret


ClientId = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,512}$")]
Secret = Annotated[SecretStr, Field(max_length=1024), AfterValidator(_sendable)]
Issuer = Annotated[str, Field(max_length=512)]
Scopes = Annotated[list[Scope], Field(max_length=30)]
Domain = Annotated[str, Field(max_length=190, pattern=r"^[a-z0-9][a-z0-9.-]*\.[a-z0-9-]+$")]
Domains = Annotated[list[Domain], Field(max_length=100)]


class NewProvider(Body):
    """Where end users of a server may sign in, besides or instead of a password here.

    `kind` is google, github or oidc; oidc needs the `issuer`, to the byte as its discovery document calls it,
    github takes one for an Enterprise Server. `name` is on the button. Register one of the `redirect_uris` of
    the answer there, or all.

    With `allows_sign_up` whoever comes from there gets an account, else only who has one. `email_domains`
    let in nobody else. `trusts_email` takes addresses for verified which the provider does not call so: only
    for one whose operator gives out the addresses.
    """

    kind: Literal["google", "github", "oidc"]
    name: ProviderName
    client_id: ClientId
    client_secret: Secret = SecretStr("")
    issuer: Issuer = ""
    scopes: Scopes = Field(default=[])
    email_domains: Domains = Field(default=[])
    allows_sign_up: bool = False
    trusts_email: bool = False
    allow_private_network: bool = False
    enabled: bool = True


class ProviderChange(Body):
    """What is left out stays as it is. For another issuer or client add another provider."""

    name: ProviderName | None = None
    client_secret: Secret | None = None
    scopes: Scopes | None = None
    email_domains: Domains | None = None
    allows_sign_up: bool | None = None
    trusts_email: bool | None = None
    enabled: bool | None = None


class ProviderBody(LateShape):
    """A provider, without its secret. `redirect_uris`: one for each form of the server's address."""

    id: str
    kind: str
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: list[str]
    email_domains: list[str]
    allows_sign_up: bool
    trusts_email: bool
    allow_private_network: bool
    enabled: bool
    redirect_uris: list[str]
    created_at: datetime


class OneProvider(LateShape):
    """The answer about one."""

    sign_in_provider: ProviderBody


class ProviderList(Listed):
    """A page of providers."""

    sign_in_providers: list[ProviderBody]


class ProviderTested(LateShape):
    """Whether the provider can be found; `error` says what is wrong when it is not ok."""

    ok: bool
    keys: int = 0
    error: str | None = None


def provider_body(provider: Provider, forms: tuple[Addresses, ...]) -> ProviderBody:
    """`forms` are the addresses of its server."""
    return ProviderBody(
        id=provider.id,
        kind=provider.kind,
        name=provider.name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        has_secret=bool(provider.sealed_secret),
        scopes=list(provider.scopes),
        email_domains=list(provider.email_domains),
        allows_sign_up=provider.allows_sign_up,
        trusts_email=provider.trusts_email,
        allow_private_network=provider.allows_private,
        enabled=provider.is_enabled,
        redirect_uris=[callback_url(form.issuer, provider.id) for form in forms],
        created_at=provider.created_at,
    )
