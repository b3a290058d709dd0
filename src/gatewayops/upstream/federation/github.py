"""GitHub, which speaks OAuth 2 and no OpenID Connect: who somebody is comes from its API.

The subject is the account's number, which stays when people rename themselves. The address is the primary
one, and counts as verified only when GitHub says so.
"""

from typing import TypeVar

import msgspec

from gatewayops.identity.federation import claims
from gatewayops.identity.federation.discovery import Endpoints
from gatewayops.identity.federation.refusal import FederationRefused
from gatewayops.identity.federation.registration import GITHUB_URL, Registration
from gatewayops.store.external_identity import ExternalIdentity
from gatewayops.upstream.federation.tokens import bearer
from gatewayops.upstream.guarded_fetch import Question, ask

T = TypeVar("T")
_HEADERS = {
    "accept": "application/vnd.github+json",
    "user-agent": "gatewayops",  # GitHub refuses requests without one
    "x-github-api-version": "2022-11-28",
}


class _User(msgspec.Struct, frozen=True):
    id: int
    login: str
    name: str | None = None


class _Email(msgspec.Struct, frozen=True):
    email: str
    primary: bool
    verified: bool


def endpoints(url: str) -> Endpoints:
    """Of github.com, or of the Enterprise Server at `url`."""
    base = f"{url.rstrip('/')}/login/oauth"
    return Endpoints(
        issuer=url,
        authorization=f"{base}/authorize",
        token=f"{base}/access_token",
        jwks="",
        is_basic=False,
    )


async def identity(provider: Registration, access_token: str) -> ExternalIdentity:
    """Raises FederationRefused, and what guarded_fetch raises."""
    url = provider.address
    api = "https://api.github.com" if url == GITHUB_URL else f"{url.rstrip('/')}/api/v3"
    user = await _get(f"{api}/user", provider, access_token, _User)
    emails = await _get(f"{api}/user/emails?per_page=100", provider, access_token, tuple[_Email, ...])
    primary = next((each for each in emails if each.primary), None)
    email = claims.address(primary.email) if primary else ""
    return ExternalIdentity(
        issuer=url,
        subject=str(user.id),
        email=email,
        email_verified=bool(email) and primary is not None and primary.verified,
        name=claims.name(user.name or user.login),
    )


async def _get(url: str, provider: Registration, access_token: str, shape: type[T]) -> T:
    question = Question(url=url, headers=_HEADERS | bearer(access_token), max_bytes=256 << 10)
    answered = await ask(question, allows_private=provider.allows_private)
    if answered.status != 200:
        msg = f"GitHub's API answered {answered.status}: does the app have the scopes {provider.scope}?"
        raise FederationRefused(msg)
    try:
        return msgspec.convert(answered.content, shape)
    except msgspec.ValidationError as error:
        msg = "GitHub's API answered something else than expected"
        raise FederationRefused(msg) from error
