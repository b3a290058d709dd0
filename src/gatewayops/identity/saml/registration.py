"""SamlRegistration: all that is kept of an identity provider that speaks SAML, but our private key."""

from typing import Any

import msgspec

from gatewayops.identity.saml.attributes import AttributeNames
from gatewayops.identity.saml.parties import IdentityProvider, ServiceProvider


class SamlRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """`idp` is as its metadata said, `metadata_url` where that lay, if it was fetched; `certificate` is ours.

    `allows_private`: it may lie in a private network. `allows_idp_initiated`: answers that nobody asked for
    count. `allows_sha1`: so do signatures over SHA-1.
    """

    idp: IdentityProvider
    certificate: str
    metadata_url: str = ""
    allows_private: bool = False
    allows_idp_initiated: bool = False
    allows_sha1: bool = False
    names: AttributeNames = AttributeNames()


def kept(registration: SamlRegistration) -> dict[str, Any]:
    """As a provider's settings hold it."""
    found: dict[str, Any] = msgspec.to_builtins(registration)
    return found


def of_settings(settings: dict[str, Any]) -> SamlRegistration:
    """What `kept` made."""
    return msgspec.convert(settings, SamlRegistration)


def us_at(public_url: str, provider_id: str) -> ServiceProvider:
    """Us, as this provider knows us: a name and an address of its own, so that no other's answer fits."""
    base = f"{public_url.rstrip('/')}/sign-in/saml/{provider_id}"
    return ServiceProvider(entity_id=f"{base}/metadata", acs_url=f"{base}/acs")
