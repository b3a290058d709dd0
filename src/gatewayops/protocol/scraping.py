"""Prometheus's side of every role: who may read `/metrics`, and what all roles show alike.

Source of the format: prometheus_client, text format 0.0.4. Nothing a caller sends becomes a label here.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.core import InfoMetricFamily
from prometheus_client.metrics_core import Metric

from gatewayops import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REFUSAL = "/metrics answers loopback, or the token of gateway.metrics_token"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def may_scrape(
    scope: Mapping[str, Any], *, token: str, is_host_ours: Callable[[], bool] | None = None
) -> bool:
    """Whether this HTTP request may read the metrics: it shows `token`, or there is none and it is near.

    Near is loopback, by no proxy, under a name that is ours: loopback names unless `is_host_ours` knows more.
    """
    headers = dict(scope["headers"])
    if token:
        shown: bytes = headers.get(b"authorization", b"")
        return hmac.compare_digest(shown, f"Bearer {token}".encode())
    client = scope.get("client")
    if client is None or client[0] not in _LOOPBACK or b"x-forwarded-for" in headers:
        return False
    return is_host_ours() if is_host_ours else _is_loopback_name(headers.get(b"host", b""))


def registry_of(collect: Callable[[], Iterable[Metric]]) -> CollectorRegistry:
    """A registry of what `collect` gives, the process (CPU, memory, files) and the version."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge beside each counter, of no use
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Collected(collect))
    return registry


class _Collected:
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily("gatewayops_build", "What runs here", value={"version": __version__})
        yield from self._collect()


def _is_loopback_name(host: bytes) -> bool:
    name = host.decode("latin-1").lower()
    bare = name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
    return bare in _LOOPBACK_NAMES
