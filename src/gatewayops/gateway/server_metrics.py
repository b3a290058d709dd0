"""What /metrics shows of the servers behind: breakers and retries, read when somebody asks."""

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gatewayops.upstream.breaker import State
from gatewayops.upstream.registry import Upstream

_LEVEL = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}
_COUNTERS: tuple[tuple[str, str, Callable[[Upstream], int]], ...] = (
    ("gatewayops_breaker_openings", "Times a breaker opened", lambda one: one.breaker.openings),
    ("gatewayops_breaker_refusals", "Calls refused by an open breaker", lambda one: one.breaker.refusals),
    ("gatewayops_retries", "Calls sent again", lambda one: one.retries.sent),
    ("gatewayops_retries_refused", "Retries that the budget refused", lambda one: one.retries.refused),
)


def resilience(servers: Iterable[Upstream]) -> list[Metric]:
    """A gauge and four counters by server name; servers of one name in several organisations count as one.

    A counter begins anew when its server is changed, as after a restart.
    """
    by_name: dict[str, list[Upstream]] = {}
    for server in servers:
        by_name.setdefault(server.name, []).append(server)
    states = GaugeMetricFamily("gatewayops_breaker_state", "0 closed, 1 half-open, 2 open", labels=["server"])
    for name, same in by_name.items():
        states.add_metric([name], max(_LEVEL[one.breaker.state] for one in same))
    metrics: list[Metric] = [states]
    for name, help_text, count in _COUNTERS:
        counter = CounterMetricFamily(name, help_text, labels=["server"])
        for label, same in by_name.items():
            counter.add_metric([label], sum(map(count, same)))
        metrics.append(counter)
    return metrics
