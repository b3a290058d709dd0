"""Who exports, and what of it is taken: the key's ids, its servers, and the times that are kept."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

SERVER_ATTRIBUTE = "gatewayops.server"
_AHEAD_NS = 24 * 3600 * 10**9
_MOST_REASONS = 5


class Rejected(Exception):
    """One span, log record or point that is not taken; the others are. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The key that came with a request. `servers` are the names that it may speak for, `*` all."""

    org_id: str
    key_id: str
    user_id: str = ""
    team_id: str = ""
    project_id: str = ""
    env: str = ""
    servers: tuple[str, ...] = ("*",)

    def server_of(self, resource: Mapping[str, str]) -> str:
        """The server that a resource says it is, else the only one of the key; raises Rejected."""
        named = resource.get(SERVER_ATTRIBUTE, "")
        if named and "*" not in self.servers and named not in self.servers:
            msg = f"the key does not speak for the server of {SERVER_ATTRIBUTE}"
            raise Rejected(msg)
        if named:
            return named
        return self.servers[0] if len(self.servers) == 1 and self.servers != ("*",) else ""


@dataclass(frozen=True, slots=True)
class Window:
    """Times that the store keeps, Unix nanoseconds: what is older goes at once, what is later never ends."""

    oldest_ns: int
    newest_ns: int

    @classmethod
    def around(cls, now_ns: int, *, retention_days: int) -> "Window":
        """From the retention's end to a day ahead of our clock."""
        return cls(now_ns - retention_days * 24 * 3600 * 10**9, now_ns + _AHEAD_NS)

    def check(self, ts_ns: int) -> None:
        """Raises Rejected."""
        if ts_ns < self.oldest_ns:
            msg = "its time is missing, or before what is kept"
            raise Rejected(msg)
        if ts_ns > self.newest_ns:
            msg = "its time is more than a day ahead"
            raise Rejected(msg)


@dataclass(slots=True)
class Refusals:
    """How many of a request were not taken, and why."""

    count: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, why: str, count: int = 1) -> None:
        """So many more for this reason."""
        self.count += count
        if why in self.reasons or len(self.reasons) < _MOST_REASONS:
            self.reasons[why] = self.reasons.get(why, 0) + count

    def message(self) -> str:
        """For a person; empty when all was taken."""
        return "; ".join(f"{count} rejected: {why}" for why, count in self.reasons.items())


def hashed(session: str) -> str:
    """A session as records have it: who reads them must not be able to go on with it."""
    return hashlib.sha256(session.encode()).hexdigest()[:16] if session else ""
