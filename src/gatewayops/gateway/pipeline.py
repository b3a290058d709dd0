"""The whole path of a call: authenticate, permit, send, price, record, answer.

Both doors (mcp_door, rest_door) walk this path; only how the call is read and answered is theirs.
Everything it needs is in memory before the call arrives.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from gatewayops.base.errors import GatewayOpsError, InvalidInput, Reason, Unauthenticated, Unavailable
from gatewayops.cost.budgets.accounts import reserve
from gatewayops.cost.prices import estimated_tokens
from gatewayops.gateway.call import NOBODY, Call, Outcome, read_body, too_large
from gatewayops.gateway.call_log import CallLog
from gatewayops.gateway.flights import Flights
from gatewayops.gateway.live import Live, ServerUnknown
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.identity.principal import KEY, Principal
from gatewayops.policy.decision import ALLOW, Decision, Deny
from gatewayops.policy.limits.buckets import take
from gatewayops.policy.terms import Terms
from gatewayops.protocol.methods import Method
from gatewayops.protocol.reply import Reply, tool_failure
from gatewayops.upstream.exchange import Exchange

_NO_LIMIT = float("inf")


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
        """Who is calling, when the key or token was verified lately; False means: ask `authenticate`."""
        principal = self._live.authenticator.known(call.head.digest)
        if principal is None:
            principal = self._live.visitors.recognise(call)
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
        visitor = self._live.visitors.admit(call)
        call.principal = principal = visitor if visitor is not None else await self._owner(call)
        call.upstream = self._live.server(principal, call.server_name)
        call.auth_ns = time.perf_counter_ns() - call.started_ns

    async def _owner(self, call: Call) -> Principal:
        token = call.head.token
        if not token:
            msg = "send an API key: Authorization: Bearer gwo_..."
            raise Unauthenticated(msg, Reason.KEY_MISSING)
        authenticator = self._live.authenticator
        call.principal = authenticator.owner_of(token) or NOBODY
        try:
            return await authenticator.verify(token)
        except Unauthenticated as refusal:
            self._live.visitors.challenge(call, refusal)
            raise

    async def read_body(self, call: Call) -> bytes:
        """The request's body, within the bounds of size and time. Raises what ended a visitor's right."""
        body = await read_body(call.cycle, self._settings.max_body_bytes)
        call.request_bytes = len(body)
        if call.principal.kind != KEY:
            visitors = self._live.visitors
            if visitors.recognise(call) is None and visitors.admit(call) is None:
                msg = "this server now takes API keys only: Authorization: Bearer gwo_..."
                raise Unauthenticated(msg, Reason.KEY_MISSING)
        return body

    def check_size(self, body: bytes) -> None:
        """Raises TooLarge."""
        if len(body) > self._settings.max_body_bytes:
            raise too_large(self._settings.max_body_bytes)

    def permit(self, call: Call, method: Method, named: str, arguments: bytes = b"") -> bool:
        """Whether they may: raises what stands against it. False: `ask` the counters that workers share.

        Every request is asked about, not only those that a list showed.
        """
        begun = time.monotonic_ns()
        try:
            call.terms = terms = self._live.terms.of(call.principal, call.server_name, method, named)
            call.upstream = terms.upstream
            if call.head.at_host and terms.upstream.row.slug != call.server_name:
                raise ServerUnknown("this host is another organisation's server")
            if terms.decision is not ALLOW:
                raise refused(terms.decision)
            refusing = take(terms.buckets, begun)
            if refusing is None:
                call.is_counted = True
                return self._admit(call, terms, arguments)
            if not refusing.may_ask(begun):
                raise refusing.refusal(begun)
            return False
        finally:
            call.policy_ns += time.monotonic_ns() - begun

    async def ask(self, call: Call, arguments: bytes) -> None:
        """As `permit` where the shared counters have the say: waits for them, raises what they have."""
        begun = time.monotonic_ns()
        terms, governance = call.terms, self._live.governance
        assert terms is not None
        try:
            if not call.is_counted:
                refusing = await governance.limits.take_or_ask(terms.buckets, time.monotonic_ns)
                if refusing is not None:
                    raise refusing.refusal(time.monotonic_ns())
                if self._admit(call, terms, arguments):
                    return
            micros = _expected_micros(call, terms)
            poor = await governance.reserve(terms.accounts, micros, is_grace=terms.is_grace)
            if poor is not None:
                raise poor.refusal(time.time())
            call.reserved_micros = micros
        finally:
            call.policy_ns += time.monotonic_ns() - begun

    def _admit(self, call: Call, terms: Terms, arguments: bytes) -> bool:
        """Looks at the arguments and sets money aside; the record of the call settles it (see CallLog)."""
        if terms.check is not None:
            deny = terms.check(arguments)
            if deny is not None:
                raise refused(deny)
        if not terms.accounts:
            return True
        now_s = time.time() - (time.perf_counter_ns() - call.started_ns) / 1e9  # it counts when it began
        micros = _expected_micros(call, terms)
        refusing = reserve(terms.accounts, micros, now_s, is_grace=terms.is_grace)
        if refusing is None:
            call.reserved_micros = micros
            return True
        if not refusing.may_ask(now_s):
            raise refusing.refusal(now_s)
        return False

    async def send(self, call: Call, request: bytes, *, attempt: int = 0) -> Exchange:
        """Carries it to the server and waits for its answer, or for the head of a stream.

        Sent again where that is safe (see upstream.retry); `attempt` counts how often it was before. Every
        end is told to the server's breaker, which may refuse to let it go (CircuitOpen).
        """
        upstream = call.upstream
        assert upstream is not None
        begun_ns = time.perf_counter_ns()
        while True:
            sent_ns = time.perf_counter_ns()
            if not upstream.breaker.is_closed:
                upstream.admit()
            exchange = None
            try:
                exchange = upstream.start(request) or await upstream.pool.send(request)
                await self._answered(call, exchange)
            except GatewayOpsError as error:
                status = exchange.status if exchange is not None else 0
                upstream.ended(sent_ns, status=status, error=error)
                delay_s = upstream.delay_s(error, is_safe=is_safe(call), attempt=attempt, begun_ns=begun_ns)
                if delay_s is None:
                    raise
            else:
                upstream.answered(exchange, sent_ns)
                return exchange
            attempt += 1
            await asyncio.sleep(delay_s)

    async def _answered(self, call: Call, exchange: Exchange) -> None:
        upstream, method = call.upstream, call.method
        assert upstream is not None
        timeout_s = _NO_LIMIT if method is not None and method.is_stream else upstream.row.timeout_s
        flight = self._flights.open(exchange, call.cycle.receive, timeout_s=timeout_s, server=upstream.name)
        try:
            await exchange.answered
        finally:
            self._flights.close(flight)

    @contextmanager
    def watching(self, call: Call, exchange: Exchange, *, timeout_s: float = _NO_LIMIT) -> Iterator[None]:
        """Ends the exchange when the client hangs up or `timeout_s` is over, while its stream lasts."""
        flight = self._flights.open(
            exchange, call.cycle.receive, timeout_s=timeout_s, server=call.server_name
        )
        flight.is_endless = call.method is not None and call.method.is_stream
        flight.refusal = partial(self._refusal, call)
        begun_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            self._flights.close(flight)
            if exchange.failure is not None and call.upstream is not None:
                call.upstream.ended(begun_ns, error=exchange.failure)

    def _refusal(self, call: Call) -> GatewayOpsError | None:
        """What stands against a caller who was let in a while ago."""
        principal, visitors = call.principal, self._live.visitors
        try:
            if principal.kind == KEY:
                self._live.authenticator.newest(principal)
            elif visitors.recognise(call) is None and visitors.admit(call) is None:
                visitors.newest(principal)
        except GatewayOpsError as error:
            return error
        finally:
            call.principal = principal
        return None

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


def _expected_micros(call: Call, terms: Terms) -> int:
    if terms.estimate is None or terms.price is None:
        return 0
    return terms.estimate.micros(terms.price, estimated_tokens(len(call.shown_request)))


def is_safe(call: Call) -> bool:
    """Whether doing it twice does no more than doing it once: by its method, or by the tool's definition."""
    if call.method is not None and call.method.is_idempotent:
        return True
    traits = call.terms.traits if call.terms is not None else None
    return traits is not None and (traits.is_idempotent or traits.is_read_only)


def refused(decision: Decision) -> GatewayOpsError:
    """The Deny as an error that the doors can answer and record."""
    assert isinstance(decision, Deny)
    if decision.reason is Reason.ARGUMENTS_INVALID:
        return InvalidInput(decision.detail, decision.reason)
    return Refused(decision.detail, decision.reason)
