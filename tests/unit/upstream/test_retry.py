"""When a failed request may be sent again, how long after, and how often in all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.base.errors import Unavailable, UpstreamError, UpstreamTimeout
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.address import AddressRefused
from gatewayops.upstream.connection import AnswerTooLarge
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.pool import ConnectTimeout, UpstreamUnreachable
from gatewayops.upstream.retry import Retries, RetryBudget, backoff_s, may_send_again

S = 1_000_000_000
REFUSED = UpstreamUnreachable("x")
SILENT = ConnectionBroken("x", got_bytes=False)
BEGUN = ConnectionBroken("x", got_bytes=True)


@pytest.mark.parametrize(
    ("error", "when_safe", "when_unsafe"),
    [
        pytest.param(REFUSED, True, True, id="no connection"),
        pytest.param(ConnectTimeout("x"), True, True, id="no connection in time"),
        pytest.param(SILENT, True, False, id="broken without an answer"),
        pytest.param(BEGUN, False, False, id="broken after bytes of an answer"),
        pytest.param(UpstreamTimeout("x"), False, False, id="no answer in time"),
        pytest.param(AnswerTooLarge("x"), False, False, id="too large"),
        pytest.param(UpstreamError("answered 503"), False, False, id="5xx"),
        pytest.param(AddressRefused("x"), False, False, id="an address that is refused"),
        pytest.param(Unavailable("x"), False, False, id="ours"),
    ],
)
def test_only_what_cannot_happen_twice_is_sent_again(error, when_safe, when_unsafe):
    for is_safe, expected in ((True, when_safe), (False, when_unsafe)):
        assert may_send_again(error, is_safe=is_safe, attempt=0, retries=1) is expected
        assert not may_send_again(error, is_safe=is_safe, attempt=1, retries=1)
        assert not may_send_again(error, is_safe=is_safe, attempt=0, retries=0)


@pytest.mark.parametrize(("attempt", "bound_s"), [(0, 0.05), (1, 0.1), (4, 0.8), (6, 2.0), (10_000, 2.0)])
def test_the_wait_doubles_up_to_its_bound_and_is_jittered_over_all_of_it(attempt, bound_s):
    waits = [backoff_s(attempt, base_ms=50, max_ms=2000, chance=chance) for chance in (0.0, 0.5, 1.0)]

    assert waits == [0.0, bound_s / 2, bound_s]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3 * S), st.integers(0, 30)), max_size=50),
    st.integers(0, 100),
)
def test_retries_never_exceed_their_share_of_the_calls_and_the_minimum(steps, percent):
    budget = RetryBudget(percent=percent, now_ns=0)
    calls = now = taken = 0
    for more_calls, passed, wanted in steps:
        calls += more_calls
        now += passed
        taken += sum(budget.take(calls=calls, now_ns=now) for _ in range(wanted))
        assert taken <= 10 + now / S + calls * percent / 100 + 1e-6


def test_a_server_that_is_down_gets_a_fifth_more_calls_not_three_times_as_many():
    retries = Retries(ServerRow("s", "o", "n", "u", 5, 2, 2, 100, True), 0)
    for call in range(10_000):  # all within one moment
        for attempt in (0, 1):
            if retries.delay_s(REFUSED, is_safe=True, attempt=attempt, calls=call, now_ns=1) is None:
                break

    assert 2000 <= retries.sent <= 2010
    assert retries.refused > 0


def test_what_may_not_be_sent_again_takes_nothing_from_the_budget():
    retries = Retries(ServerRow("s", "o", "n", "u", 5, 2, 2, 100, True), 0)
    for _ in range(100):
        assert retries.delay_s(SILENT, is_safe=False, attempt=0, calls=0, now_ns=0) is None

    assert (retries.sent, retries.refused) == (0, 0)
    wait = retries.delay_s(SILENT, is_safe=True, attempt=1, calls=0, now_ns=0)
    assert wait is not None
    assert 0 <= wait <= 0.1
