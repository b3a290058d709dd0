"""What the OAuth server says about itself: RFC 8414, and the same as OpenID Connect discovery asks for it.

Nothing stands here that has no route.
"""

from typing import Any

from gatewayops.identity.oauth import grant_types

AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
_PROVING_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")
_ID_JAG = "urn:ietf:params:oauth:grant-profile:id-jag"
ASSERTION_ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")


def enabled(registered: frozenset[str], *, trusts_issuers: bool) -> tuple[str, ...]:
    """The grant types that are there because the operator trusts a client or an issuer."""
    vouched = (grant_types.JWT_BEARER,) if trusts_issuers else ()
    return (*vouched, *(one for one in grant_types.TRUSTED if one in registered))


def of_server(issuer: str, scopes: tuple[str, ...], more: tuple[str, ...]) -> dict[str, Any]:
    """The document; `issuer` is byte-identical everywhere. `more`: grant types beside those of all."""
    document: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "registration_endpoint": f"{issuer}/register",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "grant_types_supported": [*grant_types.DEFAULT, grant_types.DEVICE_CODE, *more],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": list(_PROVING_METHODS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
    }
    if grant_types.JWT_BEARER in more:
        document["authorization_grant_profiles_supported"] = [_ID_JAG]
    return document | ({"scopes_supported": list(scopes)} if scopes else {})


def of_provider(issuer: str, scopes: tuple[str, ...], more: tuple[str, ...]) -> dict[str, Any]:
    """The same for clients that only know OpenID Connect discovery, whose parsers insist on two members."""
    return of_server(issuer, scopes, more) | {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }
