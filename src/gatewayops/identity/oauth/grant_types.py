"""The ways to a token, as the specifications spell them, and who may let a client use which."""

from gatewayops.identity.oauth.refusals import OAuthRefused

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name, no secret
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628
CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - RFC 8693
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523, for identity assertions only

PERSONAL = (AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE, JWT_BEARER)  # a person, or who vouches, is asked
TRUSTED = (CLIENT_CREDENTIALS, TOKEN_EXCHANGE)  # nobody is asked: only the operator allows these
DEFAULT = (AUTHORIZATION_CODE, REFRESH_TOKEN)


def check_may(grant_type: str, allowed: tuple[str, ...]) -> None:
    """Raises OAuthRefused (unauthorized_client) for what a client did not register for."""
    if grant_type not in allowed:
        msg = "grant_type: this client is not registered for it"
        raise OAuthRefused("unauthorized_client", msg)
