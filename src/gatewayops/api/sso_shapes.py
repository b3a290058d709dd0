"""The bodies of `/v1/identity-providers` and `/v1/sso-domains`."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gatewayops.api.saml_shapes import Address, Metadata, SamlAttributes, SamlBody, saml_body
from gatewayops.api.shapes import Body, LateShape, Listed, Ref, Scope
from gatewayops.api.sso import redirect_uri, registration_of, speaks_saml
from gatewayops.store.control.identity_providers import Provider
from gatewayops.store.control.sso_domains import Domain

ProviderName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
Secret = Annotated[str, Field(max_length=4096, json_schema_extra={"format": "password"})]
Text = Annotated[str, Field(max_length=255, pattern=r"^[\x21-\x7e]*$")]
Scopes = Annotated[list[Scope], Field(max_length=30)]
Issuer = Annotated[str, Field(max_length=2048)]
Hours = Annotated[int, Field(ge=1, le=168)]
Group = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
DomainName = Annotated[
    str,
    Field(
        max_length=253,
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{1,62}$",
    ),
]


class Mapping(Body):
    """What members of a group get; `role` and `team` are ids or names, one of them at least."""

    group: Group
    role: Ref = ""
    team: Ref = ""


class AnyNewProvider(Body):
    """What all kinds have."""

    name: ProviderName
    allow_private_network: bool = False
    enabled: bool = True
    trust_email: bool = False
    create_users: bool = False
    new_user_role: Ref = ""
    new_user_team: Ref = ""
    group_mappings: Annotated[list[Mapping], Field(max_length=200)] = Field(default_factory=list)
    session_hours: Hours = 168


class NewProvider(AnyNewProvider):
    """Where people of the organisation sign in.

    `issuer`, for `oidc`, is exactly what the provider's discovery document calls itself; for `github` the
    address of an Enterprise Server, empty for github.com. Without `client_secret` only PKCE proves us.
    With `enabled: false`, `issuer` and `client_id` may come later: first register the `redirect_uri`.
    `trust_email`: addresses in the provider's own domains count as verified even if it does not say so.
    `create_users`: who is new in these domains becomes a user, with `new_user_role` and `new_user_team`.
    `session_hours`: how long a session may last.
    """

    kind: Literal["google", "github", "oidc"]
    issuer: Issuer = ""
    client_id: Text = ""
    client_secret: Secret = ""
    scopes: Scopes = Field(default_factory=list)
    groups_claim: Annotated[Text, Field(min_length=1)] = "groups"


class NewSamlProvider(AnyNewProvider):
    """The same by SAML 2.0; `metadata` is the provider's document, or `metadata_url` its address.

    `trust_email` is on: SAML never says that an address is verified, and without it nobody comes in anew.
    `allow_idp_initiated`: answers that nobody asked for count, so that others can sign people in as
    themselves. `allow_sha1`: so do signatures over SHA-1.
    """

    kind: Literal["saml"]
    metadata: Metadata = ""
    metadata_url: Address = ""
    allow_idp_initiated: bool = False
    allow_sha1: bool = False
    attributes: SamlAttributes = Field(default_factory=SamlAttributes)
    trust_email: bool = True


class ProviderChange(Body):
    """What is left out stays. Once somebody has come in, `issuer` and `client_id` are fixed: by these people
    are known.

    Of SAML only: `metadata` or `metadata_url` anew (certificates, address), and what allows or names what.

    `sso_required`: passwords count no longer, but for break-glass administrators; sessions of passwords end.
    Somebody must have signed in by the provider before.
    """

    issuer: Issuer | None = None
    client_id: Annotated[Text, Field(min_length=1)] | None = None
    client_secret: Secret | None = None
    scopes: Scopes | None = None
    groups_claim: Annotated[Text, Field(min_length=1)] | None = None
    metadata: Metadata | None = None
    metadata_url: Address | None = None
    allow_idp_initiated: bool | None = None
    allow_sha1: bool | None = None
    attributes: SamlAttributes | None = None
    enabled: bool | None = None
    sso_required: bool | None = None
    trust_email: bool | None = None
    create_users: bool | None = None
    new_user_role: Ref | None = None
    new_user_team: Ref | None = None
    group_mappings: Annotated[list[Mapping], Field(max_length=200)] | None = None
    session_hours: Hours | None = None


class MappingBody(LateShape):
    """What members of a group get."""

    group: str
    role_id: str | None
    team_id: str | None


class ProviderBody(LateShape):
    """A provider without its secret; `redirect_uri` is what to register there. `saml` is of SAML only."""

    id: str
    name: str
    kind: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: list[str]
    groups_claim: str
    allow_private_network: bool
    enabled: bool
    sso_required: bool
    trust_email: bool
    create_users: bool
    new_user_role_id: str | None
    new_user_team_id: str | None
    group_mappings: list[MappingBody]
    session_hours: int
    redirect_uri: str
    saml: SamlBody | None
    created_at: datetime


class OneProvider(LateShape):
    """The answer about one provider."""

    identity_provider: ProviderBody


class ProviderList(Listed):
    """A page of providers."""

    identity_providers: list[ProviderBody]


class ProviderTested(LateShape):
    """What the provider says of itself, or what is wrong. Whether the secret is right, a sign-in shows."""

    is_found: bool
    issuer: str
    authorization_endpoint: str | None
    token_endpoint: str | None
    userinfo_endpoint: str | None
    client_authentication: str | None
    signing_keys: int
    redirect_uri: str
    error: str | None


class NewDomain(Body):
    """`provider` is an id or a name."""

    domain: DomainName
    provider: Ref


class DomainBody(LateShape):
    """A domain; it leads to its provider once it is verified.

    `document_url` must hold `document` for that, or the administrator of the machine verifies it.
    """

    id: str
    domain: str
    provider_id: str
    verified_at: datetime | None
    verified_by: str | None
    document_url: str
    document: dict[str, str]
    created_at: datetime


class OneDomain(LateShape):
    """The answer about one domain."""

    domain: DomainBody


class DomainList(Listed):
    """A page of domains."""

    domains: list[DomainBody]


def provider_body(found: Provider, *, address: str) -> ProviderBody:
    """As it is shown; `address` is ours."""
    spec, is_saml = found.spec, speaks_saml(found)
    saml = saml_body(found, address=address) if is_saml else None
    known = None if is_saml else registration_of(found)
    return ProviderBody(
        id=found.id,
        name=spec.name,
        kind=spec.kind,
        issuer=saml.entity_id if saml else known.address if known else "",
        client_id=known.client_id if known else "",
        has_secret=bool(spec.secret_sealed),
        scopes=known.scope.split() if known else [],
        groups_claim=known.groups_claim if known else "",
        allow_private_network=bool(spec.settings.get("allows_private")),
        enabled=spec.is_enabled,
        sso_required=spec.is_sso_required,
        trust_email=spec.trusts_email,
        create_users=spec.is_jit,
        new_user_role_id=spec.jit_role_id or None,
        new_user_team_id=spec.jit_team_id or None,
        group_mappings=[
            MappingBody(group=one.group, role_id=one.role_id or None, team_id=one.team_id or None)
            for one in spec.group_mappings
        ],
        session_hours=spec.session_hours,
        redirect_uri=saml.acs_url if saml else redirect_uri(address, found.id),
        saml=saml,
        created_at=found.created_at,
    )


def domain_body(found: Domain) -> DomainBody:
    """As it is shown."""
    return DomainBody(
        id=found.id,
        domain=found.domain,
        provider_id=found.provider_id,
        verified_at=found.verified_at,
        verified_by=found.verified_by or None,
        document_url=document_url(found),
        document={"gatewayops-domain": found.proof},
        created_at=found.created_at,
    )


def document_url(found: Domain) -> str:
    """Where a domain's own web server proves it."""
    return f"https://{found.domain}/.well-known/gatewayops-domain.json"
