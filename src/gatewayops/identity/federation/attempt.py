"""One attempt to sign in at a provider: what goes there, and what only the browser that began it can finish.

`state` finds the attempt again, `nonce` binds the ID token to it, `verifier` the code (RFC 7636), and the
browser's own secret, a cookie, binds all of it to one browser: whoever is handed the answer cannot use it.
"""

import msgspec

from gatewayops.base.ids import random_text
from gatewayops.identity.oauth.pkce import challenge_of

_LENGTH = 43  # letters and digits: 256 bits


class Attempt(msgspec.Struct, frozen=True):
    """Keep the hash of `state` (user_tokens.hash_of), `nonce` as it is, and `verifier` sealed."""

    state: str
    nonce: str
    verifier: str

    def __repr__(self) -> str:
        """Never what it holds."""
        return "Attempt(…)"

    @property
    def challenge(self) -> str:
        """What the verifier is announced as: S256."""
        return challenge_of(self.verifier)


def new_attempt() -> Attempt:
    """Three independent secrets."""
    return Attempt(random_text(_LENGTH), random_text(_LENGTH), random_text(_LENGTH))


def new_browser_secret() -> str:
    """For the cookie that binds attempts to a browser."""
    return random_text(_LENGTH)
