"""Reading an authorization request (RFC 6749 4.1.1, OAuth 2.1, RFC 7636, 8707, 9207).

In two steps: first who asks and where the answer goes, whose faults are shown to the person; then all else,
whose faults the client is told by a redirect.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec

from gatewayops.identity.oauth import pkce, scopes
from gatewayops.identity.oauth.redirect_uris import matches
from gatewayops.identity.oauth.refusals import OAuthRefused, invalid_request, invalid_target

_MAX_STATE = 4000


class Asked(msgspec.Struct, frozen=True):
    """A checked request; `prompts` are those of OpenID Connect."""

    scope: str
    challenge: str
    prompts: frozenset[str]
    must_sign_in_after: datetime | None


class Parameters(msgspec.Struct, frozen=True):
    """The first value of each parameter, and which came more than once."""

    values: Mapping[str, str]
    doubles: frozenset[str]

    def get(self, name: str) -> str:
        """Empty for one that was not sent, which RFC 6749 3.1 treats the same."""
        return self.values.get(name, "")


def parameters(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Of a query or a form."""
    values: dict[str, str] = {}
    doubles: set[str] = set()
    for name, value in pairs:
        if name in values:
            doubles.add(name)
        else:
            values[name] = value
    return Parameters(values, frozenset(doubles))


def check_single(given: Parameters, *names: str) -> None:
    """Raises OAuthRefused (invalid_request) when one came more than once; of all when none is named."""
    doubles = given.doubles & set(names) if names else given.doubles
    if doubles:
        msg = f"{min(doubles)[:40]}: more than once"
        raise invalid_request(msg if msg.isprintable() else "a parameter came more than once")


def redirect_uri(given: Parameters, registered: tuple[str, ...]) -> str:
    """Where the answer goes. Raises OAuthRefused, which must not be sent there."""
    check_single(given, "client_id", "redirect_uri")
    wanted = given.get("redirect_uri")
    if not wanted and len(registered) == 1:
        return registered[0]
    if not wanted or not matches(registered, wanted):
        msg = "redirect_uri: not one that the client registered, character by character"
        raise invalid_request(msg)
    return wanted


def read(given: Parameters, *, resource: str, offered: tuple[str, ...], now: datetime) -> Asked:
    """Raises OAuthRefused, which the client is told by a redirect."""
    check_single(given)
    for unsupported in ("request", "request_uri", "registration"):
        if given.get(unsupported):
            msg = f"{unsupported}: not taken here"
            raise OAuthRefused(f"{unsupported}_not_supported", msg)
    if given.get("response_type") != "code":
        msg = "response_type: code"
        kind = "unsupported_response_type" if given.get("response_type") else "invalid_request"
        raise OAuthRefused(kind, msg)
    if given.get("response_mode") not in ("", "query"):
        msg = "response_mode: query"
        raise invalid_request(msg)
    pkce.check_challenge(given.get("code_challenge"), given.get("code_challenge_method"))
    if given.get("resource") not in ("", resource):
        raise invalid_target()
    if len(given.get("state")) > _MAX_STATE:
        msg = f"state: at most {_MAX_STATE} characters"
        raise invalid_request(msg)
    prompts = frozenset(given.get("prompt").split())
    if "none" in prompts and len(prompts) > 1:
        msg = "prompt: none stands alone"
        raise invalid_request(msg)
    return Asked(
        scope=scopes.granted(given.get("scope"), offered),
        challenge=given.get("code_challenge"),
        prompts=prompts,
        must_sign_in_after=_must_sign_in_after(given, prompts, now),
    )


def answer_url(uri: str, *, issuer: str, state: str, **members: str) -> str:
    """Where the browser is sent, with `iss` always (RFC 9207) and `state` when the client sent one."""
    query = urlencode({**members, **({"state": state} if state else {}), "iss": issuer})
    return f"{uri}{'&' if '?' in uri else '?'}{query}"


def _must_sign_in_after(given: Parameters, prompts: frozenset[str], now: datetime) -> datetime | None:
    if "login" in prompts:
        return now
    age = given.get("max_age")
    if not age:
        return None
    if not (age.isascii() and age.isdigit() and len(age) < 10):
        msg = "max_age: whole seconds"
        raise invalid_request(msg)
    return now - timedelta(seconds=int(age))
