"""Tokens of a user's account at an MCP server's authorization server: got, renewed, revoked.

What comes back is in memory for as long as it takes to seal it. Nothing of it gets into errors or logs.
"""

import re

import msgspec

from gatewayops.base.errors import GatewayOpsError, UpstreamError
from gatewayops.upstream.client_proof import basic
from gatewayops.upstream.guarded_fetch import Answered, Question, ask

_MAX_BYTES = 256 << 10
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_LONGEST_S = 10 * 366 * 86_400.0
_FINAL = frozenset(
    ("invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope", "access_denied")
)
_WORD = re.compile(r"[a-z_]{1,40}")


class GrantEnded(UpstreamError):
    """The authorization server will give no more tokens for this; trying again does not help."""

    def __init__(self, detail: str, *, is_client_gone: bool = False) -> None:
        """`is_client_gone`: it no longer knows us."""
        super().__init__(detail)
        self.is_client_gone = is_client_gone


class TokensUnavailable(UpstreamError):
    """It did not answer as it should; trying again may help."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """How we prove to the token endpoint who we are, and where that is. Its text shows no secret."""

    endpoint: str
    client_id: str
    auth_method: str
    secret: str = ""
    allows_private: bool = False

    def __repr__(self) -> str:
        """Never the secret: traces show locals."""
        return f"Client({self.client_id!r} at {self.endpoint!r})"


class Tokens(msgspec.Struct, frozen=True):
    """What a token endpoint gave. Its text shows none of it."""

    access: str
    refresh: str
    lives_s: float | None
    scope: str | None

    def __repr__(self) -> str:
        """Never what it holds: traces show locals."""
        return "Tokens(…)"


class _Answer(msgspec.Struct, frozen=True):
    access_token: str = ""
    token_type: str = ""
    refresh_token: str | None = None
    expires_in: float | str | None = None
    scope: str | None = None
    error: str = ""


async def of_code(client: Client, *, code: str, verifier: str, redirect_uri: str, resource: str) -> Tokens:
    """Raises GrantEnded, TokensUnavailable, and what guarded_fetch raises."""
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    return await _asked(client, form | {"redirect_uri": redirect_uri, "resource": resource})


async def of_refresh(client: Client, *, refresh: str, resource: str) -> Tokens:
    """New ones; the refresh token is the old one where none came. Raises as `of_code`."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "resource": resource}
    found = await _asked(client, form)
    return found if found.refresh else msgspec.structs.replace(found, refresh=refresh)


async def revoke(client: Client, token: str, *, hint: str) -> bool:
    """RFC 7009, at the client's endpoint; False when it was not to be had, which raises nothing."""
    try:
        answered = await _post(client, {"token": token, "token_type_hint": hint})
    except GatewayOpsError as error:
        return isinstance(error, _NotJson)
    return answered.status == 200


class _NotJson(UpstreamError):
    """An empty body, which RFC 7009 allows."""


async def _asked(client: Client, form: dict[str, str]) -> Tokens:
    answered = await _post(client, form)
    try:
        found = msgspec.convert(answered.content, _Answer)
    except msgspec.ValidationError as error:
        msg = f"the token endpoint answered {answered.status} with something that is no token"
        raise TokensUnavailable(msg) from error
    if answered.status != 200 or found.error:
        _raise_refusal(answered, found.error)
    if found.token_type.lower() != "bearer" or not _TOKEN.fullmatch(found.access_token):
        msg = "the token endpoint gave a token that cannot be sent as a bearer"
        raise TokensUnavailable(msg)
    return Tokens(found.access_token, found.refresh_token or "", _lives_s(found.expires_in), found.scope)


def _raise_refusal(answered: Answered, error: str) -> None:
    word = error if _WORD.fullmatch(error) else ""
    if word in _FINAL:
        msg = f"the authorization server said {word}"
        raise GrantEnded(msg, is_client_gone=word in ("invalid_client", "unauthorized_client"))
    msg = f"the token endpoint answered {answered.status} {word}".rstrip()
    raise TokensUnavailable(msg)


async def _post(client: Client, form: dict[str, str]) -> Answered:
    headers: dict[str, str] = {}
    if client.auth_method == "client_secret_basic":
        headers = basic(client.client_id, client.secret)
    else:
        form = form | {"client_id": client.client_id}
        if client.secret:
            form = form | {"client_secret": client.secret}
    question = Question(url=client.endpoint, form=form, headers=headers, max_bytes=_MAX_BYTES)
    return await ask(question, allows_private=client.allows_private)


def _lives_s(given: float | str | None) -> float | None:
    try:
        lives_s = float(given) if given is not None else None
    except ValueError:
        return None
    return lives_s if lives_s is not None and 0 <= lives_s <= _LONGEST_S else None
