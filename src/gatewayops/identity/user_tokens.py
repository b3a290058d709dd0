"""What people hold: session tokens `gws_…`, tokens of one-time links `gwl_…`, and those of sign-ins that wait
for a second factor, `gwp_…`. Pure.

Each has 256 random bits, so a plain SHA-256 of it is kept: there is nothing to guess.
"""

import hashlib
import hmac
import re

from gatewayops.base.ids import random_text

_LENGTH = 43  # letters and digits: 256 bits
_SESSION = re.compile(rf"gws_[0-9A-Za-z]{{{_LENGTH}}}")
_LINK = re.compile(rf"gwl_[0-9A-Za-z]{{{_LENGTH}}}")
_PENDING = re.compile(rf"gwp_[0-9A-Za-z]{{{_LENGTH}}}")
_FORM = b"gatewayops/form/1"


def new_session_token() -> str:
    """For one who has just signed in: never one that was there before."""
    return f"gws_{random_text(_LENGTH)}"


def new_link_token() -> str:
    """For the address of a one-time link."""
    return f"gwl_{random_text(_LENGTH)}"


def new_pending_token() -> str:
    """For one whose first factor was right."""
    return f"gwp_{random_text(_LENGTH)}"


def is_pending_token(text: str) -> bool:
    """Whether it has the form of one."""
    return _PENDING.fullmatch(text) is not None


def is_session_token(text: str) -> bool:
    """Whether it has the form of one."""
    return _SESSION.fullmatch(text) is not None


def is_link_token(text: str) -> bool:
    """Whether it has the form of one."""
    return _LINK.fullmatch(text) is not None


def hash_of(token: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def form_token(session_token: str) -> str:
    """What a page of ours sends along with each change: only who can read the session's token knows it."""
    return hmac.new(session_token.encode(), _FORM, hashlib.sha256).hexdigest()


def is_form_token(given: str, session_token: str) -> bool:
    """Whether it is the session's, in the same time for any."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), form_token(session_token).encode())
