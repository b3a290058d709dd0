"""The circuit breaker of a server: time and outcomes in, decisions out. It does no I/O and reads no clock.

closed ──(enough failures in the window)──► open ──(open_s later)──► half-open ──(probes succeed)──► closed
                                              ▲──────────(a probe fails)──────┘

All times are nanoseconds of one monotonic clock (`time.perf_counter_ns` in the gateway).
"""

from collections import deque
from enum import StrEnum

from gatewayops.base.errors import GatewayOpsError, Reason, Unavailable, UpstreamTimeout
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.pool import UpstreamUnreachable

_SLICES = 10  # a window is exact to a tenth
_SECOND_NS = 1_000_000_000
_FAILURES = (UpstreamUnreachable, UpstreamTimeout, ConnectionBroken)


class State(StrEnum):
    """Of a breaker, from good to bad."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class CircuitOpen(Unavailable):
    """The server failed too often just now; nothing was sent. Says when it will be tried again."""

    reason = Reason.CIRCUIT_OPEN

    def __init__(self, server: str, *, retry_after_s: int) -> None:
        """`retry_after_s` is whole seconds, at least one, as Retry-After wants them."""
        super().__init__(f"{server} failed too often and is left alone; try again in {retry_after_s} s")
        self.headers = (("Retry-After", str(retry_after_s)),)
        self.extra = {"server": server, "retry_after_s": retry_after_s}


class Breaker:
    """One a server. While all is well the path of a call reads `is_closed` and calls `succeeded`."""

    __slots__ = (
        "_changed_ns",
        "_failures_needed",
        "_open_ns",
        "_percent_needed",
        "_probed_ns",
        "_probes",
        "_probes_out",
        "_probes_well",
        "_well",
        "_window",
        "is_closed",
        "last_failure",
        "openings",
        "refusals",
        "state",
    )

    def __init__(self, row: ServerRow, now_ns: int = 0) -> None:
        """Closed. `breaker_failures` of 0 never opens."""
        self._failures_needed = row.breaker_failures
        self._percent_needed = row.breaker_percent
        self._open_ns = int(row.breaker_open_s * _SECOND_NS)
        self._probes = row.breaker_probes
        self._window = _Window(int(row.breaker_window_s * _SECOND_NS), now_ns)
        self._well = 0
        self._changed_ns = now_ns
        self._probed_ns = 0
        self._probes_out = 0
        self._probes_well = 0
        self.is_closed = True
        self.state = State.CLOSED
        self.openings = 0
        self.refusals = 0
        self.last_failure = ""

    @property
    def changed_ns(self) -> int:
        """When the state became what it is."""
        return self._changed_ns

    @property
    def retry_ns(self) -> int:
        """When an open one lets the next call try."""
        return self._changed_ns + self._open_ns

    def retry_after_s(self, now_ns: int) -> int:
        """Whole seconds until it is worth asking again, at least one."""
        if self.state is not State.OPEN:
            return 1
        return max(1, -((now_ns - self.retry_ns) // _SECOND_NS))

    def admit(self, now_ns: int) -> bool:
        """Asked only when not `is_closed`: True makes this call a probe, whose end must be told."""
        if self.is_closed:
            return True
        if self.state is State.OPEN and now_ns >= self.retry_ns:
            self._become(State.HALF_OPEN, now_ns)
        if self.state is State.HALF_OPEN:
            if now_ns - self._probed_ns >= self._open_ns:
                self._probes_out = 0  # the last ones are lost or hang: they must not keep it shut for ever
            if self._probes_out < self._probes:
                self._probes_out += 1
                self._probed_ns = now_ns
                return True
        self.refusals += 1
        return False

    def succeeded(self) -> None:
        """The server answered, whatever it said."""
        self._well += 1
        if not self.is_closed:
            self._probe_succeeded()

    def failed(self, now_ns: int, *, sent_ns: int = 0, why: str = "") -> None:
        """The server failed. What was sent (`sent_ns`, when given) before the last change is old news."""
        if self.state is State.OPEN or (sent_ns and sent_ns < self._changed_ns):
            return
        self.last_failure = why
        if self.state is State.HALF_OPEN:
            self._become(State.OPEN, now_ns)
            return
        self._window.add(now_ns, well=self._well, badly=1)
        self._well = 0
        well, badly = self._window.totals()
        is_enough = 0 < self._failures_needed <= badly
        if is_enough and badly * 100 >= self._percent_needed * (well + badly):
            self._become(State.OPEN, now_ns)

    def abandoned(self) -> None:
        """It ended without saying anything of the server: another call may be the probe."""
        if self._probes_out:
            self._probes_out -= 1

    def ended(
        self, now_ns: int, *, sent_ns: int = 0, status: int = 0, error: GatewayOpsError | None = None
    ) -> None:
        """Any end of a request: its HTTP status (0 when none came) and what was raised, if anything."""
        says = verdict(status=status, error=error)
        if says is None:
            self.abandoned()
        elif says:
            self.succeeded()
        else:
            why = error.reason.value if isinstance(error, _FAILURES) else f"status {status}"
            self.failed(now_ns, sent_ns=sent_ns, why=why)

    def _probe_succeeded(self) -> None:
        if self.state is State.HALF_OPEN:
            self._probes_well += 1
            self._probes_out = max(0, self._probes_out - 1)
            if self._probes_well >= self._probes:
                self._become(State.CLOSED, self._probed_ns)

    def _become(self, state: State, now_ns: int) -> None:
        self.state = state
        self.is_closed = state is State.CLOSED
        self._changed_ns = now_ns
        self._probes_out = 0
        self._probes_well = 0
        if state is State.CLOSED:
            self._window.clear(now_ns)
            self._well = 0
        elif state is State.OPEN:
            self.openings += 1


def verdict(*, status: int, error: GatewayOpsError | None) -> bool | None:
    """Whether an end of a request speaks for the server (True), against it (False), or of something else.

    Against it: no connection, a reset, a time limit, what is no MCP, 5xx. For it: any other answer, also
    4xx, a failed tool, one that is too large. Neither: a client that hung up, a drain, an address refused.
    """
    if isinstance(error, _FAILURES) or status >= 500:
        return False
    return True if status else None


class _Window:
    """Counts of the last `window_ns`, to a tenth of it."""

    __slots__ = ("_slice_ns", "_slices", "_told_ns", "_window_ns")

    def __init__(self, window_ns: int, now_ns: int) -> None:
        self._window_ns = window_ns
        self._slice_ns = max(1, window_ns // _SLICES)
        self._slices: deque[tuple[int, int, int]] = deque()  # its number, well, badly
        self._told_ns = now_ns

    def clear(self, now_ns: int) -> None:
        self._slices.clear()
        self._told_ns = now_ns

    def add(self, now_ns: int, *, well: int, badly: int) -> None:
        """What ended since it was last told; of a longer time than the window only its share counts."""
        silent_ns = now_ns - self._told_ns
        if silent_ns > self._window_ns:
            well = well * self._window_ns // silent_ns
        self._told_ns = now_ns
        number = now_ns // self._slice_ns
        while self._slices and self._slices[0][0] <= number - _SLICES:
            self._slices.popleft()
        if self._slices and self._slices[-1][0] == number:
            _, known_well, known_badly = self._slices.pop()
            well += known_well
            badly += known_badly
        self._slices.append((number, well, badly))

    def totals(self) -> tuple[int, int]:
        """Well and badly, as of the last `add`."""
        return sum(entry[1] for entry in self._slices), sum(entry[2] for entry in self._slices)
