"""Calls under way: one clock for all of them, instead of a timer and a watching task for each.

Every tenth of a second it cuts exchanges that are over their time, and begins to watch for the
hang-up of clients that have waited a while; a fast call costs it nothing.
"""

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic

from gatewayops.base.errors import GatewayOpsError, Unavailable, UpstreamTimeout
from gatewayops.gateway.call import ClientGone, Receive
from gatewayops.upstream.exchange import Exchange

_TICK_S = 0.1


class Draining(Unavailable):
    """The gateway stops; the client's next connection finds another worker, or the restarted one."""


class Flight:
    """One exchange under way; `deadline` is the loop's time. An endless one would outlive a drain.

    It also has a `refusal`: what stands against its caller now, if anything.
    """

    __slots__ = ("deadline", "exchange", "is_endless", "receive", "refusal", "server", "watcher")
    refusal: Callable[[], GatewayOpsError | None]

    def __init__(self, exchange: Exchange, receive: Receive, deadline: float, server: str) -> None:
        """`receive` tells when the client hangs up."""
        self.exchange = exchange
        self.receive = receive
        self.deadline = deadline
        self.server = server
        self.watcher: asyncio.Task[None] | None = None
        self.is_endless = False


class Flights:
    """All exchanges of this worker that wait for a server."""

    def __init__(self) -> None:
        """`run` must be running."""
        self._flights: dict[Flight, None] = {}

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._flights)

    def open(self, exchange: Exchange, receive: Receive, *, timeout_s: float, server: str) -> Flight:
        """Begins to watch; the deadline is exact to a tick."""
        flight = Flight(exchange, receive, monotonic() + timeout_s, server)
        self._flights[flight] = None
        return flight

    def close(self, flight: Flight) -> None:
        """Ends it."""
        del self._flights[flight]
        if flight.watcher is not None:
            flight.watcher.cancel()

    def end_streams(self) -> None:
        """Ends what would stay open for ever, when the gateway drains."""
        self._end(flight for flight in self._flights if flight.is_endless)

    def end_refused(self) -> None:
        """Ends what would stay open for ever though its caller was revoked or has expired."""
        for flight in list(self._flights):
            refusal = flight.refusal() if flight.is_endless else None
            if refusal is not None:
                flight.exchange.abort(refusal)

    def end_all(self) -> None:
        """Ends what is still under way when the time to drain is over; each call gets its record."""
        self._end(self._flights)

    def _end(self, flights: Iterable[Flight]) -> None:
        for flight in list(flights):
            flight.exchange.abort(Draining("the gateway is being restarted; connect again"))

    async def run(self) -> None:
        """Ticks until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK_S)
            now = monotonic()
            for flight in list(self._flights):
                if flight.deadline < now:
                    msg = f"{flight.server} did not answer in time"
                    flight.exchange.abort(UpstreamTimeout(msg))
                elif flight.watcher is None:
                    flight.watcher = loop.create_task(_watch(flight))


async def _watch(flight: Flight) -> None:
    while (await flight.receive())["type"] != "http.disconnect":
        pass
    flight.exchange.abort(ClientGone("the client hung up before the answer"))
