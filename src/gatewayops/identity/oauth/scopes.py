"""Scopes of a protected server: what is offered, what is asked for, what is granted."""

import re

from gatewayops.identity.oauth.refusals import invalid_scope

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_MAX_LENGTH = 2048
_ALWAYS = frozenset({"offline_access", "openid"})  # refresh tokens come anyway; there are no ID tokens


def parsed(text: str) -> tuple[str, ...]:
    """Each once, in order; raises OAuthRefused (invalid_scope) for what RFC 6749 3.3 does not allow."""
    found = tuple(dict.fromkeys(text.split(" "))) if text else ()
    if len(text) > _MAX_LENGTH or not all(_SCOPE.fullmatch(one) for one in found):
        msg = "scope: words separated by single spaces"
        raise invalid_scope(msg)
    return found


def granted(asked: str, offered: tuple[str, ...]) -> str:
    """What a request gets: all that is offered when it asks for none, else what is offered of it.

    Raises OAuthRefused (invalid_scope) when nothing of it is offered.
    """
    wanted = parsed(asked)
    kept = [one for one in wanted if one in offered] if wanted else list(offered)
    if offered and not kept and not _ALWAYS.issuperset(wanted):
        msg = f"scope: this server offers {' '.join(offered)}"
        raise invalid_scope(msg)
    return " ".join(kept or offered)


def narrowed(asked: str, held: str) -> str:
    """What a refresh gets: what is held, or the part of it that is asked for. Raises OAuthRefused."""
    wanted = [one for one in parsed(asked) if one not in _ALWAYS]
    if not wanted:
        return held
    if not set(wanted) <= set(held.split()):
        msg = "scope: more than was granted; ask the person again"
        raise invalid_scope(msg)
    return " ".join(wanted)
