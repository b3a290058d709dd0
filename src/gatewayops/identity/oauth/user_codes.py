"""The code that a person types from a device's screen (RFC 8628, 6.1): eight letters without vowels, so that
no words come of it and none look alike; 34 bits, which live ten minutes and may be guessed slowly only.
"""

import secrets

from gatewayops.identity.oauth.tokens import digest

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH = 8


def new_user_code() -> str:
    """Such as `WDJB-MJHT`."""
    letters = [secrets.choice(_LETTERS) for _ in range(_LENGTH)]
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"


def user_code_digest(typed: str, server_id: str) -> str:
    """What is kept of it at one server; empty for what cannot be a code. Case, spaces and dashes are free."""
    plain = "".join(one for one in typed[:64].upper() if one not in "- \t")
    if len(plain) != _LENGTH or not set(plain) <= set(_LETTERS):
        return ""
    return digest(f"{server_id} {plain}")
