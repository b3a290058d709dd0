"""The short way: a call whose key is known, whose body is here and whose server has an idle connection.

It walks the same stages as any call (see pipeline.py), but without a task: begun when its last byte
comes in, ended when the server's answer does. Whatever needs waiting goes on as a task on the long way.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from gatewayops.base.errors import GatewayOpsError
from gatewayops.gateway.call import Call
from gatewayops.gateway.cycle import Cycle
from gatewayops.gateway.flights import Flight, Flights
from gatewayops.gateway.mcp_door import McpDoor, check_content_type, check_head
from gatewayops.gateway.pipeline import Pipeline, is_safe
from gatewayops.upstream.exchange import Exchange

log = logging.getLogger(__name__)

_CALLS = "/v1/mcp/"
_SERVER_AT = len(_CALLS)


class ShortWay:
    """One a worker. `refuse` answers and records an error; `guard` does so for what a task raises."""

    def __init__(self, door: McpDoor, pipeline: Pipeline, flights: Flights) -> None:
        """`lead` says how errors are answered."""
        self._door = door
        self._pipeline = pipeline
        self._flights = flights

    def lead(
        self,
        refuse: Callable[[Call, Exception], None],
        guard: Callable[[Call, Awaitable[None]], Awaitable[None]],
    ) -> None:
        """Where errors go: those met here, and those of what goes on as a task."""
        self._refuse = refuse
        self._guard = guard

    def take(self, cycle: Cycle) -> bool:
        """Takes the request if it can go the short way; False leaves it untouched."""
        head = cycle.head
        path = head.path
        if head.method != "POST" or not path.startswith(_CALLS) or head.origin:
            return False
        server = path[_SERVER_AT:]
        if "/" in server or not self._pipeline.log.is_healthy:
            return False
        call = Call(cycle, server, "mcp")
        try:
            return self._begin(call, cycle)
        except Exception as error:  # noqa: BLE001 - a door: every error is answered, a bug of ours is logged there
            self._refuse(call, error)
            return True

    def _begin(self, call: Call, cycle: Cycle) -> bool:
        check_head(call)
        if not self._pipeline.recognise(call):
            return False
        check_content_type(call)
        body = cycle.whole_body()
        if body is None:
            return False
        door = self._door
        if not door.take(call, body):
            cycle.spawn(self._guard(call, door.ask_and_carry(call)))
            return True
        upstream, method = call.upstream, call.method
        assert upstream is not None
        assert method is not None
        if method.is_stream or not upstream.breaker.is_closed:
            cycle.spawn(self._guard(call, door.carry(call, "POST")))
            return True
        request = door.request(call, "POST")
        upstream.take_slot(call.principal.key_id)
        exchange = upstream.start(request)
        if exchange is None:
            upstream.give_slot(call.principal.key_id)
            cycle.spawn(self._guard(call, door.carry(call, "POST")))
            return True
        timeout_s = upstream.row.timeout_s
        flight = self._flights.open(exchange, cycle.receive, timeout_s=timeout_s, server=upstream.name)
        exchange.on_answered = partial(self._end, call, cycle, flight, time.perf_counter_ns())
        return True

    def _end(self, call: Call, cycle: Cycle, flight: Flight, begun: int) -> None:
        exchange = flight.exchange
        self._flights.close(flight)
        call.upstream_ns = time.perf_counter_ns() - begun
        upstream = call.upstream
        assert upstream is not None
        try:
            failure = exchange.failure
            if failure is None:
                upstream.answered(exchange, begun)
            if exchange.is_stream:
                cycle.spawn(self._guard(call, self._stream(call, flight, begun)))
                return
            upstream.give_slot(call.principal.key_id)
            if failure is None:
                self._door.answer_whole(call, exchange)
            else:
                self._failed(call, exchange, failure, begun)
        except Exception as error:  # noqa: BLE001 - a door: every error is answered, a bug of ours is logged there
            self._refuse(call, error)

    def _failed(self, call: Call, exchange: Exchange, failure: GatewayOpsError, begun: int) -> None:
        upstream = call.upstream
        assert upstream is not None
        upstream.ended(begun, status=exchange.status, error=failure)
        delay_s = upstream.delay_s(failure, is_safe=is_safe(call), attempt=0, begun_ns=begun)
        if delay_s is None:
            self._refuse(call, failure)
        else:
            call.cycle.spawn(self._guard(call, self._door.carry_again(call, delay_s)))

    async def _stream(self, call: Call, flight: Flight, begun: int) -> None:
        try:
            await self._door.answer_stream(call, flight.exchange, begun)
        except GatewayOpsError:
            call.upstream_ns = time.perf_counter_ns() - begun
            raise
        finally:
            assert call.upstream is not None
            call.upstream.give_slot(call.principal.key_id)
