"""What a provider says of itself (OpenID Connect Discovery 1.0), checked before anything is sent there."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gatewayops.identity.federation.refusal import FederationRefused

PATH = "/.well-known/openid-configuration"


class Endpoints(msgspec.Struct, frozen=True):
    """Where things are at a provider; an empty `userinfo` is one that has none."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    userinfo: str = ""
    is_basic: bool = True  # how the client proves itself: client_secret_basic, else client_secret_post
    sends_iss: bool = False  # RFC 9207: every answer names its issuer


class _Document(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


def address_of(issuer: str) -> str:
    """Where the document lies (section 4: a slash at the end is left out)."""
    return issuer.removesuffix("/") + PATH


def read(document: Mapping[str, Any], *, issuer: str, allows_http: bool) -> Endpoints:
    """Raises FederationRefused unless the document is that of `issuer`, byte for byte, and complete.

    `allows_http` is for providers in a private network.
    """
    try:
        found = msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        msg = f"the provider's discovery document: {error}"
        raise FederationRefused(msg) from error
    if found.issuer != issuer:
        msg = "issuer: the provider calls itself otherwise; give it exactly as the discovery document does"
        raise FederationRefused(msg)
    schemes = ("https://", "http://") if allows_http else ("https://",)
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        address = getattr(found, name)
        if address and not address.startswith(schemes):
            msg = f"the provider's {name} does not begin with https://"
            raise FederationRefused(msg)
    methods = found.token_endpoint_auth_methods_supported
    return Endpoints(
        issuer=issuer,
        authorization=found.authorization_endpoint,
        token=found.token_endpoint,
        jwks=found.jwks_uri,
        userinfo=found.userinfo_endpoint,
        is_basic="client_secret_basic" in methods or "client_secret_post" not in methods,
        sends_iss=found.authorization_response_iss_parameter_supported,
    )
