"""The whole path of a call: authenticate, permit, send, price, record, answer.

Both doors (mcp_door, rest_door) walk this path; only how the call is read and answered is theirs.
Everything it needs is in memory before the call arrives.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gatewayops.base.errors import GatewayOpsError, Reason, Unauthenticated, Unavailable
from gatewayops.cost.prices import estimated_tokens
from gatewayops.gateway.call import NOBODY, Call, Outcome, read_body, too_large
from gatewayops.gateway.call_log import CallLog
from gatewayops.gateway.flights import Flights
from gatewayops.gateway.live import Live
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.policy.decision import Decision, Deny
from gatewayops.protocol.methods import Method
from gatewayops.protocol.reply import Reply, tool_failure
from gatewayops.upstream.exchange import ConnectionBroken, Exchange
from gatewayops.upstream.pool import UpstreamUnreachable

_NO_LIMIT = float("inf")
_BACKOFF_S = 0.05


class Refused(GatewayOpsError):
    """A rule's Deny on its way to the door."""

    status = 403
    code = "forbidden"


class Pipeline:
    """The stages, in order. One a worker."""

    def __init__(self, live: Live, flights: Flights, log: CallLog, settings: GatewaySettings) -> None:
        """`live` knows who may do what."""
        self._settings = settings
        self._live = live
        self._flights = flights
        self.log = log

    def recognise(self, call: Call) -> bool:
        """Who is calling, when the key was verified lately; False means: ask `authenticate`."""
        principal = self._live.authenticator.known(call.head.digest)
        if principal is None:
            return False
        call.principal = principal
        call.auth_ns = time.perf_counter_ns() - call.started_ns
        return True

    async def authenticate(self, call: Call) -> None:
        """Who is calling. Raises Unauthenticated; the refusal is filed with the owner of the key's prefix."""
        if self.recognise(call):
            call.upstream = self._live.server(call.principal, call.server_name)
            return
        if not self._live.is_ready:
            raise Unavailable("the gateway has just started and has no rules yet", Reason.NOT_READY)
        token = call.head.token
        if not token:
            msg = "send an API key: Authorization: Bearer gwo_..."
            raise Unauthenticated(msg, Reason.KEY_MISSING)
        authenticator = self._live.authenticator
        call.principal = authenticator.owner_of(token) or NOBODY
        call.principal = principal = await authenticator.verify(token)
        call.upstream = self._live.server(principal, call.server_name)
        call.auth_ns = time.perf_counter_ns() - call.started_ns

    async def read_body(self, call: Call) -> bytes:
        """The request's body, within the bounds of size and time."""
        body = await read_body(call.cycle, self._settings.max_body_bytes)
        call.request_bytes = len(body)
        return body

    def check_size(self, body: bytes) -> None:
        """Raises TooLarge."""
        if len(body) > self._settings.max_body_bytes:
            raise too_large(self._settings.max_body_bytes)

    def permit(self, call: Call, method: Method, named: str) -> Decision:
        """Whether they may. Every request is asked about, not only those that a list showed."""
        begun = time.perf_counter_ns()
        call.terms = terms = self._live.terms.of(call.principal, call.server_name, method, named)
        call.upstream = terms.upstream
        call.policy_ns += time.perf_counter_ns() - begun
        return terms.decision

    async def send(self, call: Call, request: bytes) -> Exchange:
        """Carries it to the server and waits for its answer, or for the head of a stream.

        Sent again only when nothing was sent, or when the method is idempotent and no byte came back.
        """
        upstream, method = call.upstream, call.method
        assert upstream is not None
        timeout_s = _NO_LIMIT if method is not None and method.is_stream else upstream.row.timeout_s
        attempt = 0
        while True:
            try:
                exchange = upstream.start(request) or await upstream.pool.send(request)
                flight = self._flights.open(
                    exchange, call.cycle.receive, timeout_s=timeout_s, server=upstream.name
                )
                try:
                    await exchange.answered
                finally:
                    self._flights.close(flight)
            except (UpstreamUnreachable, ConnectionBroken) as error:
                if not may_send_again(error, method, attempt=attempt, retries=upstream.row.retries):
                    raise
            else:
                return exchange
            attempt += 1
            await asyncio.sleep(_BACKOFF_S * 2**attempt * random.random())  # noqa: S311 - jitter, no secret

    @contextmanager
    def watching(self, call: Call, exchange: Exchange, *, timeout_s: float = _NO_LIMIT) -> Iterator[None]:
        """Ends the exchange when the client hangs up or `timeout_s` is over, while its stream lasts."""
        flight = self._flights.open(
            exchange, call.cycle.receive, timeout_s=timeout_s, server=call.server_name
        )
        flight.is_endless = call.method is not None and call.method.is_stream
        try:
            yield
        finally:
            self._flights.close(flight)

    def price(self, call: Call, reply: Reply, http_status: int = 200) -> Outcome:
        """What the server's answer amounts to: success or failure, tokens, cost. An error costs nothing."""
        payload = reply.payload()
        size = len(payload)
        failure = reply.failure()
        if failure is not None:
            reason = Reason.UPSTREAM_ERROR.value
            return Outcome(http_status, "error", reason, failure.code, failure.message, payload, size)
        price = call.terms.price if call.terms is not None else None
        if price is None:
            return Outcome(http_status, payload=payload, size=size)
        taken, given = estimated_tokens(len(call.shown_request)), estimated_tokens(size)
        cost_micros = price.of(taken, given)
        failed = tool_failure(payload)
        if failed is not None:
            reason = Reason.TOOL_ERROR.value
            return Outcome(http_status, "error", reason, 0, failed, payload, size, cost_micros, taken, given)
        return Outcome(http_status, "success", "", 0, "", payload, size, cost_micros, taken, given)


def may_send_again(error: GatewayOpsError, method: Method | None, *, attempt: int, retries: int) -> bool:
    """Whether a failed request may be sent once more: nothing was sent, or nothing can have changed."""
    if attempt >= retries:
        return False
    if isinstance(error, UpstreamUnreachable):
        return True
    is_idempotent = method is not None and method.is_idempotent
    return is_idempotent and isinstance(error, ConnectionBroken) and not error.got_bytes


def refused(deny: Deny) -> Refused:
    """The Deny as an error that the doors can answer and record."""
    return Refused(deny.detail, deny.reason)
