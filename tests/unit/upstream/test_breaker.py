"""A server's circuit breaker: what opens it, who may try, what closes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.base.errors import GatewayOpsError, Reason, Unavailable, UpstreamError, UpstreamTimeout
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.address import AddressRefused
from gatewayops.upstream.breaker import Breaker, CircuitOpen, State, verdict
from gatewayops.upstream.connection import AnswerTooLarge
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.pool import ConnectTimeout, UpstreamUnreachable

S = 1_000_000_000


def breaker(**changes):
    limits = {"breaker_failures": 3, "breaker_percent": 50, "breaker_window_s": 10, "breaker_open_s": 5}
    return Breaker(ServerRow("srv", "org", "files", "http://f", 5, 2, 2, 100, True, **(limits | changes)))


def opened(now=0, **changes):
    made = breaker(**changes)
    for _ in range(3):
        made.failed(now)
    assert made.state is State.OPEN
    return made


def test_a_new_one_is_closed_and_counts_nothing():
    made = breaker()

    assert (made.is_closed, made.state, made.openings, made.last_failure) == (True, State.CLOSED, 0, "")


def test_enough_failures_in_the_window_open_it():
    made = breaker()
    made.failed(1 * S)
    made.failed(2 * S, why="upstream_timeout")
    assert made.is_closed
    made.failed(3 * S, why="upstream_broken")

    assert (made.is_closed, made.state, made.openings) == (False, State.OPEN, 1)
    assert made.last_failure == "upstream_broken"


def test_failures_further_apart_than_the_window_do_not():
    made = breaker()
    for second in range(0, 600, 6):
        made.failed(second * S)

    assert made.is_closed


@pytest.mark.parametrize(("well", "opens"), [(3, True), (4, False)])
def test_the_failures_must_be_a_share_of_all_calls_of_the_window(well, opens):
    made = breaker()
    for _ in range(well):
        made.succeeded()
    for _ in range(3):
        made.failed(1 * S)

    assert made.is_closed is not opens


def test_successes_of_long_ago_do_not_outweigh_failures_of_now():
    made = breaker()
    for _ in range(1000):
        made.succeeded()
    for _ in range(3):
        made.failed(10_000 * S)  # 1000 in 10,000 s: one in the window

    assert not made.is_closed


def test_the_successes_of_a_busy_server_count_although_no_failure_came_between():
    made = breaker()
    for _ in range(1000):
        made.succeeded()
    for _ in range(5):
        made.failed(100 * S)  # a hundred successes in the window

    assert made.is_closed


def test_no_threshold_means_never():
    made = breaker(breaker_failures=0)
    for _ in range(1000):
        made.failed(1)

    assert made.is_closed


def test_open_it_lets_nobody_through_and_counts_whom_it_refused():
    made = opened(now=100 * S)

    assert [made.admit(now * S) for now in (100, 102, 104)] == [False, False, False]
    assert made.refusals == 3
    assert [made.retry_after_s(now) for now in (100 * S, 101 * S + 1, 104 * S + 999_999_999, 200 * S)] == [
        5, 4, 1, 1
    ]  # fmt: skip


def test_then_so_many_probes_and_no_more():
    made = opened(breaker_probes=2)

    assert [made.admit(5 * S) for _ in range(4)] == [True, True, False, False]
    assert made.state is State.HALF_OPEN


def test_probes_that_succeed_close_it_with_a_clean_slate():
    made = opened(breaker_probes=2)
    made.admit(5 * S)
    made.succeeded()
    assert not made.is_closed
    made.admit(5 * S)
    made.succeeded()

    assert (made.is_closed, made.state) == (True, State.CLOSED)
    made.failed(6 * S)
    made.failed(6 * S)
    assert made.is_closed


def test_a_probe_that_fails_opens_it_again_for_as_long():
    made = opened()
    made.admit(5 * S)
    made.failed(6 * S)

    assert (made.state, made.openings) == (State.OPEN, 2)
    assert not made.admit(11 * S - 1)
    assert made.admit(11 * S)


def test_a_probe_whose_client_hung_up_makes_room_for_another():
    made = opened()
    assert made.admit(5 * S)
    made.abandoned()

    assert made.admit(5 * S)
    assert not made.admit(5 * S)


def test_a_probe_that_is_never_heard_of_again_does_not_keep_it_shut():
    made = opened()
    assert made.admit(5 * S)

    assert not made.admit(10 * S - 1)
    assert made.admit(10 * S)


def test_late_failures_of_calls_from_before_it_opened_do_not_disturb_the_probe():
    made = opened(now=10 * S)
    assert made.admit(15 * S)
    made.failed(16 * S, sent_ns=9 * S)
    made.failed(16 * S, sent_ns=12 * S)
    assert made.state is State.HALF_OPEN
    made.failed(16 * S, sent_ns=15 * S)

    assert made.state is State.OPEN


def test_late_failures_do_not_count_after_it_closed_either():
    made = opened(now=10 * S)
    made.admit(15 * S)
    made.succeeded()
    for _ in range(10):
        made.failed(16 * S, sent_ns=14 * S)

    assert made.is_closed


def test_a_late_success_does_not_close_an_open_one():
    made = opened()
    made.succeeded()

    assert made.state is State.OPEN


BROKEN = ConnectionBroken("x", got_bytes=True)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        pytest.param(200, None, True, id="an answer"),
        pytest.param(404, None, True, id="404"),
        pytest.param(429, None, True, id="429"),
        pytest.param(500, None, False, id="500"),
        pytest.param(503, UpstreamError("files answered 503"), False, id="503 that became an error"),
        pytest.param(401, UpstreamError("refused the gateway"), True, id="401 that became an error"),
        pytest.param(0, UpstreamUnreachable("x"), False, id="refused"),
        pytest.param(0, ConnectTimeout("x"), False, id="no connection in time"),
        pytest.param(0, UpstreamTimeout("x"), False, id="no answer in time"),
        pytest.param(0, BROKEN, False, id="reset"),
        pytest.param(200, BROKEN, False, id="no MCP"),
        pytest.param(200, AnswerTooLarge("x"), True, id="too large"),
        pytest.param(0, AddressRefused("x"), None, id="an address that is refused"),
        pytest.param(0, GatewayOpsError("x", Reason.CLIENT_GONE), None, id="the client hung up"),
        pytest.param(0, Unavailable("drain"), None, id="a drain"),
        pytest.param(0, CircuitOpen("files", retry_after_s=1), None, id="our own refusal"),
    ],
)
def test_what_speaks_for_a_server_and_what_against_it(status, error, expected):
    assert verdict(status=status, error=error) is expected


def test_any_end_may_be_told():
    made = breaker()
    made.ended(1, status=500)
    made.ended(1, status=200)
    made.ended(1, error=GatewayOpsError("x", Reason.CLIENT_GONE))
    made.ended(1, error=BROKEN, status=200)
    assert made.last_failure == "upstream_broken"
    made.ended(1, status=503)

    assert (made.state, made.last_failure) == (State.OPEN, "status 503")


def test_an_open_circuit_says_when_to_come_back():
    error = CircuitOpen("files", retry_after_s=7)

    assert (error.status, error.code, error.reason) == (503, "unavailable", Reason.CIRCUIT_OPEN)
    assert error.headers == (("Retry-After", "7"),)
    assert error.extra == {"server": "files", "retry_after_s": 7}
    assert "files" in error.detail


steps = st.lists(
    st.tuples(st.sampled_from(["admit", "succeeded", "failed", "abandoned", "late"]), st.integers(0, 4 * S)),
    max_size=200,
)


@given(steps, st.integers(1, 4), st.integers(1, 3))
def test_whatever_happens_it_never_wedges_and_never_lets_more_probes_out(taken, failures, probes):
    made = breaker(breaker_failures=failures, breaker_probes=probes)
    now = 0
    out: list[int] = []  # when each probe that may still be under way began
    for step, passed in taken:
        now += passed
        if step == "admit" and not made.is_closed:
            out = [since for since in out if now - since < 5 * S]
            if made.admit(now):
                out.append(now)
        elif step == "late":
            made.failed(now, sent_ns=1)
        elif step == "failed":
            made.failed(now)
        elif step == "succeeded":
            made.succeeded()
        elif step == "abandoned":
            made.abandoned()
        if step in ("succeeded", "failed", "abandoned", "late"):
            out = out[1:]
        assert made.is_closed is (made.state is State.CLOSED)
        assert len(out) <= 2 * probes  # twice: probes of before and after a change of state
    now += 5 * S
    assert made.admit(now)
