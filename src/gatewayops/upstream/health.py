"""How servers are, as gateways tell the control role: the message, and the board on which it is kept.

Each gateway worker tells all that it knows, again and again (gateway/health_reports.py), so a lost
message or a restarted control role mends itself. Nothing of it is stored.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from gatewayops.upstream.breaker import State
from gatewayops.upstream.registry import Upstream

MOST_SERVERS = 2000  # in one report
HEARTBEAT_S = 15.0
_FORGOTTEN_S = 3 * HEARTBEAT_S
_MOST_WORKERS = 256
_SECOND_NS = 1_000_000_000
_BADNESS = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


Moment = Annotated[float, msgspec.Meta(ge=0, le=1e11)]


class ServerHealth(msgspec.Struct, frozen=True):
    """A server whose breaker has opened at least once. Times are Unix seconds."""

    server_id: str
    state: State
    since: Moment
    retry_at: Moment | None = None  # when an open one is tried again
    last_failure: str = ""  # a reason, or `status 503`
    openings: int = 0


class HealthReport(msgspec.Struct, frozen=True):
    """All servers of which a worker has something to tell; the others are well."""

    worker: str
    servers: tuple[ServerHealth, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """What the control role knows of a server: the worst that any worker told, and how many tell."""

    gateways: int
    worst: ServerHealth | None = None  # None: no worker has anything to tell


def report(worker: str, servers: Iterable[Upstream], *, offset_ns: int) -> HealthReport:
    """What to tell now. `offset_ns` leads from the breakers' clock to Unix time; the worst come first."""
    told = [health_of(server, offset_ns=offset_ns) for server in servers if server.breaker.openings]
    told.sort(key=lambda health: -_BADNESS[health.state])
    return HealthReport(worker, tuple(told[:MOST_SERVERS]))


def health_of(server: Upstream, *, offset_ns: int) -> ServerHealth:
    """A server as its breaker sees it."""
    breaker = server.breaker
    is_open = breaker.state is State.OPEN
    return ServerHealth(
        server_id=server.row.id,
        state=breaker.state,
        since=(breaker.changed_ns + offset_ns) / _SECOND_NS,
        retry_at=(breaker.retry_ns + offset_ns) / _SECOND_NS if is_open else None,
        last_failure=breaker.last_failure,
        openings=breaker.openings,
    )


class HealthBoard:
    """The newest report of each worker; who is silent for 45 s is forgotten. Times: seconds of one clock."""

    def __init__(self) -> None:
        """Nobody told anything yet."""
        self._reports: dict[str, tuple[float, dict[str, ServerHealth]]] = {}

    def take(self, told: HealthReport, now_s: float) -> None:
        """Replaces what that worker told before."""
        self._forget(now_s)
        if told.worker not in self._reports and len(self._reports) >= _MOST_WORKERS:
            del self._reports[min(self._reports, key=lambda worker: self._reports[worker][0])]
        self._reports[told.worker] = (now_s, {health.server_id: health for health in told.servers})

    def of(self, server_id: str, now_s: float) -> Seen:
        """What is known of a server."""
        self._forget(now_s)
        told = [servers[server_id] for _, servers in self._reports.values() if server_id in servers]
        worst = max(told, key=lambda health: (_BADNESS[health.state], health.since), default=None)
        return Seen(len(self._reports), worst)

    def _forget(self, now_s: float) -> None:
        for worker, (told_s, _) in list(self._reports.items()):
            if now_s - told_s > _FORGOTTEN_S:
                del self._reports[worker]
