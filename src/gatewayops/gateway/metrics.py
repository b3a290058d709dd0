"""What /metrics shows: counted with two dictionary look-ups a call, rendered when somebody asks.

The number of distinct server and tool pairs is bounded; further ones are counted as tool `other`.
Source of the format: prometheus_client; names follow OpenTelemetry's MCP conventions where they exist.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from gatewayops.gateway.call import Call, Outcome
from gatewayops.protocol.methods import KNOWN
from gatewayops.protocol.scraping import registry_of

BOUNDS_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_BOUNDS_NS = tuple(int(bound * 1e9) for bound in BOUNDS_S)
OTHER = "other"
_METHODS = frozenset(KNOWN) | {
    "",
    "stream/get",
    "session/delete",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
}


class _Series:
    __slots__ = ("buckets", "by_status", "sum_ns")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.sum_ns = 0
        self.by_status: dict[tuple[str, str], int] = {}


class Metrics:
    """The counts of one worker."""

    def __init__(self, *, tool_labels: int, gauges: Callable[[], Iterable[Metric]] = lambda: ()) -> None:
        """At most `tool_labels` pairs of server and tool; `gauges` adds what is read when asked."""
        self._tool_labels = tool_labels
        self._series: dict[tuple[str, str, str], _Series] = {}
        self._gauges = gauges
        self._registry = registry_of(self.collect)

    def count(self, call: Call, outcome: Outcome, duration_ns: int) -> None:
        """Adds one answered request. Only servers that exist become labels."""
        upstream = call.upstream
        server = upstream.name if upstream is not None else ""
        key = (server, call.method_name if upstream is not None else "", call.subject)
        series = self._series.get(key) or self._new_series(key, call, outcome)
        series.buckets[bisect_left(_BOUNDS_NS, duration_ns)] += 1
        series.sum_ns += duration_ns
        status = (outcome.status, outcome.reason)
        series.by_status[status] = series.by_status.get(status, 0) + 1

    def render(self) -> bytes:
        """The text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """The families, made when asked for."""
        calls = CounterMetricFamily(
            "gatewayops_calls", "Requests answered", labels=["server", "method", "tool", "status"]
        )
        errors = CounterMetricFamily(
            "gatewayops_errors", "Requests that failed", labels=["server", "tool", "reason"]
        )
        durations = HistogramMetricFamily(
            "gatewayops_call_duration_seconds",
            "Time from request to answer",
            labels=["server", "method", "tool"],
        )
        failed: dict[tuple[str, str, str], int] = {}
        for (server, method, tool), series in self._series.items():
            by_status: dict[str, int] = {}
            for (status, reason), count in series.by_status.items():
                by_status[status] = by_status.get(status, 0) + count
                if reason:
                    failed[server, tool, reason] = failed.get((server, tool, reason), 0) + count
            for status, count in by_status.items():
                calls.add_metric([server, method, tool, status], count)
            durations.add_metric([server, method, tool], _cumulated(series), series.sum_ns / 1e9)
        for labels, count in failed.items():
            errors.add_metric(list(labels), count)
        yield calls
        yield errors
        yield durations
        yield from self._gauges()

    def _new_series(self, key: tuple[str, str, str], call: Call, outcome: Outcome) -> _Series:
        server, method, tool = key
        is_tool = method == "tools/call"
        is_real = outcome.status == "success" or outcome.reason == "tool_error"
        if not is_tool:
            tool = ""
        elif not is_real or len(self._series) >= self._tool_labels:
            tool = OTHER
        if method not in _METHODS:
            method = OTHER
        return self._series.setdefault((server, method, tool), _Series())


def _cumulated(series: _Series) -> list[tuple[str, float]]:
    total = 0
    rows: list[tuple[str, float]] = []
    for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], series.buckets, strict=True):
        total += count
        rows.append((bound, total))
    return rows


def standing(*, revision: int, is_recording: bool) -> list[Metric]:
    """Gauges of what the worker knows, and whether it can write calls down."""
    return [
        GaugeMetricFamily("gatewayops_snapshot_revision", "Revision of the rules", value=revision),
        GaugeMetricFamily("gatewayops_spool_healthy", "0: the disk takes no calls", value=int(is_recording)),
    ]


def in_flight(rows: Iterable[tuple[str, int]]) -> GaugeMetricFamily:
    """The gauge of calls under way, by server."""
    gauge = GaugeMetricFamily("gatewayops_calls_in_flight", "Calls under way", labels=["server"])
    for server, count in rows:
        gauge.add_metric([server], count)
    return gauge
