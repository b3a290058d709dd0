"""API key secrets: `gwo_<env>_<32 random>`, their look-up prefix and their bcrypt hash.

Pure and synchronous. `hash_of` and `matches` take about 50 ms of CPU: call them in a thread.
"""

import re

import bcrypt

from gatewayops.base.errors import InvalidInput
from gatewayops.base.ids import random_text

_RANDOM_LENGTH = 32
_PREFIX_LENGTH = 4
_COST = 10
_ENV = re.compile(r"[a-z0-9]{1,12}")
_SECRET = re.compile(rf"(gwo_[a-z0-9]{{1,12}}_[0-9A-Za-z]{{{_PREFIX_LENGTH}}})[0-9A-Za-z]{{28}}")


def new_secret(env: str) -> str:
    """A new secret of 190 random bits; raises InvalidInput for an env other than `[a-z0-9]{1,12}`."""
    if not _ENV.fullmatch(env):
        msg = "env: 1 to 12 lower-case letters and digits, such as prod"
        raise InvalidInput(msg)
    return f"gwo_{env}_{random_text(_RANDOM_LENGTH)}"


def prefix_of(secret: str) -> str | None:
    """`gwo_prod_a1b2` of a well-formed secret: safe to store, show and log. None when malformed.

    >>> prefix_of("gwo_prod_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6")
    'gwo_prod_a1b2'
    """
    found = _SECRET.fullmatch(secret)
    return found.group(1) if found else None


def hash_of(secret: str) -> str:
    """The bcrypt hash to store, with its own salt."""
    return bcrypt.hashpw(secret.encode(), bcrypt.gensalt(_COST)).decode()


def matches(secret: str, hashed: str) -> bool:
    """Whether the hash was made from this secret; False for a hash that is not bcrypt's."""
    try:
        return bcrypt.checkpw(secret.encode(), hashed.encode())
    except ValueError:
        return False
