"""The two sides of a sign-in by SAML, as each knows the other."""

import msgspec

from gatewayops.base.errors import InvalidInput
from gatewayops.identity.federation.refusal import FederationRefused


class SamlRefused(FederationRefused):
    """An identity provider's answer that nobody is signed in by; the detail says what is wrong with it."""


class MetadataInvalid(InvalidInput):
    """What an identity provider says of itself cannot be used; the detail says why."""


class IdentityProvider(msgspec.Struct, frozen=True):
    """What its metadata says. `certificates` are base64 of DER; an answer signed by any of them counts."""

    entity_id: str
    sign_in_url: str
    certificates: tuple[str, ...]


class ServiceProvider(msgspec.Struct, frozen=True):
    """We, as one identity provider knows us; `acs_url` is where browsers bring its answers."""

    entity_id: str
    acs_url: str


class SigningPair(msgspec.Struct, frozen=True):
    """What signs our requests, as PEM, and the certificate that tells it, as base64 of DER."""

    private_pem: bytes
    certificate: str
