"""A call's time splits into parts that add up, whatever clocks and spans of others say."""

from hypothesis import given
from hypothesis import strategies as st

from gatewayops.query.latency import split, split_all, summed
from gatewayops.query.timed_span import TimedSpan

NS = st.integers(min_value=0, max_value=10**12)
SOME = st.none() | NS


def added(latency):
    parts = (latency.client_ns or 0) + latency.auth_ns + latency.policy_ns + latency.gateway_ns
    return parts + latency.upstream_ns


def a_call(span_id="call", *, parent="", start_ns=0, duration_ns=100, **parts):
    return TimedSpan(span_id, parent, start_ns, duration_ns, **parts)


def a_foreign(span_id, *, parent="", start_ns=0, duration_ns=100):
    return TimedSpan(span_id, parent, start_ns, duration_ns, is_foreign=True)


@given(total=NS, auth=NS, policy=NS, upstream=NS, client=SOME, server=SOME)
def test_the_parts_make_the_total(total, auth, policy, upstream, client, server):
    call = a_call(duration_ns=total, auth_ns=auth, policy_ns=policy, upstream_ns=upstream)

    found = split(call, client_span_ns=client, server_span_ns=server)

    assert added(found) == found.total_ns == max(total, client or 0)
    if server is not None:
        assert found.network_ns + found.server_ns == found.upstream_ns
    assert all(part is None or part >= 0 for part in (found.client_ns, found.gateway_ns, found.network_ns))


@given(client_clock=st.integers(-(10**15), 10**15), server_clock=st.integers(-(10**15), 10**15))
def test_clocks_of_others_change_nothing(client_clock, server_clock):
    spans = [
        a_foreign("client", start_ns=client_clock, duration_ns=150),
        a_call(parent="client", auth_ns=10, policy_ns=5, upstream_ns=80),
        a_foreign("server", parent="call", start_ns=server_clock, duration_ns=60),
    ]

    found = split_all(spans)["call"]

    assert (found.client_ns, found.auth_ns, found.policy_ns, found.gateway_ns) == (50, 10, 5, 5)
    assert (found.network_ns, found.server_ns, found.total_ns) == (20, 60, 150)


def test_an_agents_span_over_many_calls_says_nothing_of_each():
    spans = [a_foreign("agent", duration_ns=900), a_call("a", parent="agent"), a_call("b", parent="agent")]

    assert {found.client_ns for found in split_all(spans).values()} == {None}


def test_what_nobody_measured_is_not_known():
    [found] = split_all([a_call(upstream_ns=80)]).values()

    assert (found.client_ns, found.network_ns, found.server_ns) == (None, None, None)
    assert added(found) == found.total_ns == 100


@given(st.lists(st.tuples(NS, NS, NS, NS, SOME, SOME), min_size=1, max_size=8))
def test_the_parts_of_many_calls_make_their_total(calls):
    found = summed(
        split(
            a_call(duration_ns=total, auth_ns=auth, policy_ns=policy, upstream_ns=upstream),
            client_span_ns=client,
            server_span_ns=server,
        )
        for total, auth, policy, upstream, client, server in calls
    )

    assert added(found) == found.total_ns
    if found.server_ns is not None:
        assert found.network_ns + found.server_ns == found.upstream_ns
