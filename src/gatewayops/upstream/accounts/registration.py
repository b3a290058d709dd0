"""Us as a client of an authorization server: by a document of ours (CIMD), or registered there (RFC 7591)."""

from typing import Any

import msgspec

from gatewayops.base.errors import UpstreamError
from gatewayops.upstream.accounts.discovery import SignInPlace
from gatewayops.upstream.guarded_fetch import Question, ask

_NAME = "GatewayOps"
_METHODS = ("client_secret_basic", "client_secret_post", "none")
_LONGEST = 2048


class NoRegistration(UpstreamError):
    """The authorization server takes nobody who was not registered by hand, or refused us."""


class Registered(msgspec.Struct, frozen=True):
    """What we are known as. Its text shows no secret."""

    client_id: str
    auth_method: str
    secret: str = ""

    def __repr__(self) -> str:
        """Never the secret: traces show locals."""
        return f"Registered({self.client_id!r})"


class _Answer(msgspec.Struct, frozen=True):
    client_id: str
    client_secret: str = ""
    token_endpoint_auth_method: str = ""


def document(client_id: str, redirect_uri: str) -> dict[str, Any]:
    """Our client id metadata document, which lies at `client_id`."""
    return {"client_id": client_id, **_about(redirect_uri, "none")}


async def register(place: SignInPlace, *, redirect_uri: str, allows_private: bool) -> Registered:
    """Raises NoRegistration, and what guarded_fetch raises."""
    if not place.registration_endpoint:
        msg = (
            f"{place.issuer} registers nobody by itself: register us there, with the redirect URI"
            f" {redirect_uri}, and tell the id: gatewayops connection client SERVER --issuer …"
        )
        raise NoRegistration(msg)
    method = next((one for one in _METHODS if one in place.auth_methods), "none")
    question = Question(url=place.registration_endpoint, json=_about(redirect_uri, method))
    answered = await ask(question, allows_private=allows_private)
    if answered.status not in (200, 201):
        msg = f"{place.issuer} did not register us: it answered {answered.status}"
        raise NoRegistration(msg)
    try:
        found = msgspec.convert(answered.content, _Answer)
    except msgspec.ValidationError as error:
        msg = f"{place.issuer} registered us, but not so that we could use it: {error}"
        raise NoRegistration(msg) from error
    method = found.token_endpoint_auth_method or method
    if (
        not 0 < len(found.client_id) <= _LONGEST
        or method not in _METHODS
        or bool(found.client_secret) == (method == "none")
    ):
        msg = f"{place.issuer} registered us with the method {method[:40]!r}, which we cannot use"
        raise NoRegistration(msg)
    return Registered(found.client_id, method, found.client_secret)


def _about(redirect_uri: str, method: str) -> dict[str, Any]:
    return {
        "client_name": _NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
    }
