"""Where a call's time went: client, auth, policy, gateway, network, server. Pure; trusts no other clock.

The gateway measures its own total, auth, policy and the wait for the server with one clock. Of spans that
others sent by OTLP only the length counts, never when they began, so skewed clocks change nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gatewayops.query.timed_span import TimedSpan


@dataclass(frozen=True, slots=True)
class Latency:
    """Parts of `total_ns`: client + auth + policy + gateway + upstream, exactly.

    `upstream_ns` is network + server where the server's own span is known; both are None where it is not.
    `client_ns` (what the client waited beyond our own total: its network and its own work) is None without
    a span of the client; the total is then the gateway's.
    """

    total_ns: int
    client_ns: int | None
    auth_ns: int
    policy_ns: int
    gateway_ns: int  # everything else that the gateway did
    upstream_ns: int
    network_ns: int | None
    server_ns: int | None


def split(
    call: TimedSpan, *, client_span_ns: int | None = None, server_span_ns: int | None = None
) -> Latency:
    """One call's parts, given the lengths of the client's span around it and the server's span within it."""
    total = max(0, call.duration_ns)
    auth = min(max(0, call.auth_ns), total)
    policy = min(max(0, call.policy_ns), total - auth)
    upstream = min(max(0, call.upstream_ns), total - auth - policy)
    server = None if server_span_ns is None else min(max(0, server_span_ns), upstream)
    client = None if client_span_ns is None else max(0, client_span_ns - total)
    return Latency(
        total_ns=total + (client or 0),
        client_ns=client,
        auth_ns=auth,
        policy_ns=policy,
        gateway_ns=total - auth - policy - upstream,
        upstream_ns=upstream,
        network_ns=None if server is None else upstream - server,
        server_ns=server,
    )


def split_all(spans: Sequence[TimedSpan]) -> dict[str, Latency]:
    """The parts of every call of the gateway in a trace, by span id.

    The server's span is the longest foreign child. A foreign parent is the client's wait for this call only
    where this call is its only one: an agent's span over many calls says nothing of each.
    """
    foreign = {span.span_id: span for span in spans if span.is_foreign}
    calls = [span for span in spans if not span.is_foreign]
    calls_below = Counter(call.parent_span_id for call in calls)
    longest: dict[str, int] = {}
    for span in foreign.values():
        longest[span.parent_span_id] = max(span.duration_ns, longest.get(span.parent_span_id, 0))
    found: dict[str, Latency] = {}
    for call in calls:
        parent = foreign.get(call.parent_span_id)
        is_own = parent is not None and calls_below[call.parent_span_id] == 1
        found[call.span_id] = split(
            call,
            client_span_ns=parent.duration_ns if parent is not None and is_own else None,
            server_span_ns=longest.get(call.span_id),
        )
    return found


def summed(parts: Iterable[Latency]) -> Latency | None:
    """The time of several calls together; None of none.

    Calls may have run at the same time: this is time spent, not time passed. A part that is known of some
    calls only is unknown of all together; the client's share is then left out of the total too.
    """
    known = list(parts)
    if not known:
        return None
    client = _all_known([one.client_ns for one in known])
    without_client = sum(one.total_ns - (one.client_ns or 0) for one in known)
    return Latency(
        total_ns=without_client + (client or 0),
        client_ns=client,
        auth_ns=sum(one.auth_ns for one in known),
        policy_ns=sum(one.policy_ns for one in known),
        gateway_ns=sum(one.gateway_ns for one in known),
        upstream_ns=sum(one.upstream_ns for one in known),
        network_ns=_all_known([one.network_ns for one in known]),
        server_ns=_all_known([one.server_ns for one in known]),
    )


def _all_known(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
