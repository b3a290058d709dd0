"""What the OAuth server says about itself: RFC 8414, and the same as OpenID Connect discovery asks for it.

Nothing stands here that has no route.
"""

from typing import Any

AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
_PROVING_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")
ASSERTION_ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")


def of_server(issuer: str, scopes: tuple[str, ...]) -> dict[str, Any]:
    """The document; `issuer` is byte-identical everywhere."""
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
        "grant_types_supported": ["authorization_code", "refresh_token"],
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
    return document | ({"scopes_supported": list(scopes)} if scopes else {})


def of_provider(issuer: str, scopes: tuple[str, ...]) -> dict[str, Any]:
    """The same for clients that only know OpenID Connect discovery, whose parsers insist on two members."""
    return of_server(issuer, scopes) | {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }
