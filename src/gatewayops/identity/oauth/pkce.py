"""Proof keys (RFC 7636), S256 only: `plain` protects nobody."""

import base64
import hashlib
import re

from gatewayops.identity.oauth.refusals import invalid_request

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def check_challenge(challenge: str, method: str) -> None:
    """Raises OAuthRefused (invalid_request)."""
    if method != "S256":
        msg = "code_challenge_method: S256 is required"
        raise invalid_request(msg)
    if not _CHALLENGE.fullmatch(challenge):
        msg = "code_challenge: the base64url of a SHA-256, 43 characters"
        raise invalid_request(msg)


def challenge_of(verifier: str) -> str:
    """What the verifier was announced as; raises OAuthRefused (invalid_request) when it can be none.

    >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    if not _VERIFIER.fullmatch(verifier):
        msg = "code_verifier: 43 to 128 letters, digits and - . _ ~"
        raise invalid_request(msg)
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
