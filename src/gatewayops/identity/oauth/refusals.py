"""How the OAuth server says no: the error codes of RFC 6749, 7591, 8707 and their HTTP status."""

from gatewayops.base.errors import GatewayOpsError


class OAuthRefused(GatewayOpsError):
    """`error` is the code that clients read; the detail is the description that people read."""

    status = 400

    def __init__(self, error: str, detail: str, *, status: int = 400) -> None:
        """The detail never holds what was sent: it ends in addresses and logs of others."""
        super().__init__(detail)
        self.error = error
        self.status = status


def invalid_request(detail: str) -> OAuthRefused:
    """A parameter is missing, double or malformed."""
    return OAuthRefused("invalid_request", detail)


def invalid_client(detail: str) -> OAuthRefused:
    """The client is not known, or did not prove who it is. Some clients register anew when they see it."""
    return OAuthRefused("invalid_client", detail, status=401)


def invalid_grant(detail: str) -> OAuthRefused:
    """The code or token is unknown, used, expired, revoked, or another client's."""
    return OAuthRefused("invalid_grant", detail)


def invalid_target() -> OAuthRefused:
    """RFC 8707: tokens of this server are good for its own resource only."""
    return OAuthRefused("invalid_target", "resource: not the one that this server protects")


def invalid_scope(detail: str) -> OAuthRefused:
    """A scope that is not offered, or is more than was granted."""
    return OAuthRefused("invalid_scope", detail)
