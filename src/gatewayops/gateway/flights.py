"""Calls under way: one clock for all of them, instead of a timer and a watching task for each.

Every tenth of a second it cuts exchanges that are over their time, and begins to watch for the
hang-up of clients that have waited a while; a fast call costs it nothing.
"""

import asyncio
from time import monotonic

from gatewayops.base.errors import Unavailable, UpstreamTimeout
from gatewayops.gateway.call import ClientGone, Receive, SlowClient, is_whole, read_body
from gatewayops.upstream.exchange import Exchange

_TICK_S = 0.1


class Draining(Unavailable):
    """The gateway stops; the client's next connection finds another worker, or the restarted one."""


class Flight:
    """One exchange under way; `deadline` is the loop's time. An endless one would outlive a drain."""

    __slots__ = ("deadline", "exchange", "is_endless", "receive", "server", "watcher")

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
        self._readers: dict[asyncio.Task[None], float] = {}
        self._late: set[asyncio.Task[None]] = set()

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
        for flight in list(self._flights):
            if flight.is_endless:
                flight.exchange.abort(Draining("the gateway is being restarted; connect again"))

    async def read_body(self, receive: Receive, *, limit: int, timeout_s: float) -> bytes:
        """The whole body. Raises SlowClient after `timeout_s`, TooLarge above `limit`, ClientGone."""
        task = asyncio.current_task()
        assert task is not None
        self._readers[task] = monotonic() + timeout_s
        try:
            first = await receive()
            return first["body"] if is_whole(first, limit) else await read_body(first, receive, limit)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            self._late.discard(task)
            task.uncancel()
            msg = f"the body did not come within {timeout_s:g} s (setting gateway.body_timeout_s)"
            raise SlowClient(msg) from None
        finally:
            del self._readers[task]

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
            for task in [task for task, deadline in self._readers.items() if deadline < now]:
                if task not in self._late:
                    self._late.add(task)
                    task.cancel()


async def _watch(flight: Flight) -> None:
    while (await flight.receive())["type"] != "http.disconnect":
        pass
    flight.exchange.abort(ClientGone("the client hung up before the answer"))
