"""A code for tokens at a provider's token endpoint (RFC 6749, 4.1.3)."""

import base64
from urllib.parse import quote_plus

import msgspec

from gatewayops.identity.federation.discovery import Endpoints
from gatewayops.identity.federation.refusal import FederationRefused
from gatewayops.identity.federation.registration import Registration
from gatewayops.upstream.guarded_fetch import Question, ask

_MAX_BYTES = 256 << 10
_MAX_CODE = 4_096


class Tokens(msgspec.Struct, frozen=True):
    """For one answer's time only; empty for what the provider did not give."""

    access_token: str = ""
    id_token: str = ""

    def __repr__(self) -> str:
        """Never what it holds: traces show locals."""
        return "Tokens(…)"


class _Refused(msgspec.Struct, frozen=True):
    error: str = ""


async def exchange(
    provider: Registration, endpoints: Endpoints, *, code: str, verifier: str, redirect_uri: str
) -> Tokens:
    """Raises FederationRefused, and what guarded_fetch raises."""
    if not 0 < len(code) <= _MAX_CODE:
        msg = "the provider sent no code"
        raise FederationRefused(msg)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    headers = {}
    if provider.client_secret and endpoints.is_basic:
        headers = _basic(provider)
    else:
        form["client_id"] = provider.client_id
        if provider.client_secret:
            form["client_secret"] = provider.client_secret
    question = Question(url=endpoints.token, form=form, headers=headers, max_bytes=_MAX_BYTES)
    answered = await ask(question, allows_private=provider.allows_private)
    try:
        refused = msgspec.convert(answered.content, _Refused)
        tokens = msgspec.convert(answered.content, Tokens)
    except msgspec.ValidationError as error:
        msg = "the provider's token endpoint answered what is no token"
        raise FederationRefused(msg) from error
    if answered.status != 200 or refused.error:  # GitHub refuses with 200
        msg = f"the provider did not take the code: {answered.status} {_word(refused.error)}"
        raise FederationRefused(msg)
    return tokens


def bearer(access_token: str) -> dict[str, str]:
    """The header that shows a token to the provider that gave it. Raises FederationRefused for odd ones."""
    if not access_token.isascii() or not access_token.isprintable():
        msg = "the provider's access token cannot be sent"
        raise FederationRefused(msg)
    return {"authorization": f"Bearer {access_token}"}


def _basic(provider: Registration) -> dict[str, str]:
    """Both parts form-encoded first (RFC 6749, 2.3.1)."""
    pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _word(text: str) -> str:
    """An error's name, such as invalid_grant; what is none is not repeated."""
    return text if text.isascii() and text.replace("_", "").isalnum() and len(text) <= 64 else ""
