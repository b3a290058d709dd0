"""What an administrator may call the issuer of a provider, be it for people or for end users."""

from gatewayops.base.errors import InvalidInput
from gatewayops.upstream.address import check_url


def check_issuer(kind: str, issuer: str, *, allows_private: bool) -> None:
    """Raises InvalidInput unless it fits the kind; plain http is for private networks only."""
    if kind == "google" and issuer:
        msg = "issuer: Google has one only; leave it out, or take the kind oidc"
        raise InvalidInput(msg)
    if kind == "oidc" and not issuer:
        msg = "issuer: needed by oidc: what the provider calls itself, such as https://login.example.com"
        raise InvalidInput(msg)
    if not issuer:
        return
    check_url(issuer, field="issuer")
    if "?" in issuer or not (issuer.startswith("https://") or allows_private):
        msg = "issuer: begins with https:// and has no query"
        raise InvalidInput(msg)
