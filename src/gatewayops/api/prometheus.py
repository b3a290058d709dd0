"""`/metrics` of the control role: the API's requests, who follows its rules, and what the role adds.

Not for the public: the gateway answers `/metrics` itself and never passes that path on. Durations count until
the head of the answer; gateways that wait for news have none.
"""

import time
from collections.abc import Callable, Iterable

from fastapi import Depends, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.base.errors import Forbidden
from gatewayops.protocol import scraping
from gatewayops.store.control.snapshot_feed import RevisionWatch


def check_scraper(request: Request, parts: Parts) -> None:
    """Guarded like the gateway's: raises Forbidden for who is neither near nor shows the token."""
    if not scraping.may_scrape(request.scope, token=parts.metrics_token):
        raise Forbidden(scraping.REFUSAL)


router = LateRouter(include_in_schema=False, dependencies=[Depends(check_scraper)])

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WAITING = "/internal/snapshot"
_NO_ROUTE = "none"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class ApiMetrics:
    """The counts of one control role. `add` takes what else shall be shown."""

    def __init__(self, watch: RevisionWatch) -> None:
        """`watch` feeds the gateways."""
        self._watch = watch
        self._more: list[Callable[[], Iterable[Metric]]] = []
        self._registry = scraping.registry_of(self._collect)
        self._requests, self._durations = _families(self._registry)

    def add(self, collect: Callable[[], Iterable[Metric]]) -> None:
        """Asks `collect`, which may block, at each scrape."""
        self._more.append(collect)

    def count(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Adds one answer. `route` is a template such as `/v1/servers/{server}`, never a path."""
        method = method if method in _METHODS else _NO_ROUTE
        self._requests.labels(method, route, str(status)).inc()
        if route != _WAITING:
            self._durations.labels(method, route).observe(duration_s)

    def render(self) -> bytes:
        """The text format 0.0.4; blocking."""
        return generate_latest(self._registry)

    def _collect(self) -> Iterable[Metric]:
        revision, followers = self._watch.revision, self._watch.followers
        for name, about, number in (
            ("gatewayops_snapshot_revision", "Revision of the rules", revision),
            ("gatewayops_snapshot_followers", "Gateway workers that follow the rules", followers.count()),
            ("gatewayops_snapshot_followers_behind", "Those with older rules", followers.behind(revision)),
        ):
            yield GaugeMetricFamily(name, about, value=number)
        for collect in self._more:
            yield from collect()


class CountedRequests:
    """An ASGI wrapper around the API that counts by route template."""

    def __init__(self, app: ASGIApp, *, metrics: ApiMetrics) -> None:
        """Everything that is answered below is counted."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts when the head of the answer goes out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                duration_s = time.perf_counter() - begun
                self._metrics.count(scope["method"], _template(scope), message["status"], duration_s)
            await send(message)

        await self._app(scope, receive, counted)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """For Prometheus."""
    shown = request.app.state.metrics
    assert isinstance(shown, ApiMetrics)
    return Response(shown.render(), headers={"Content-Type": scraping.CONTENT_TYPE})


def _families(registry: CollectorRegistry) -> tuple[Counter, Histogram]:
    requests = Counter(
        "gatewayops_api_requests",
        "Requests of the API answered",
        ["method", "route", "status"],
        registry=registry,
    )
    durations = Histogram(
        "gatewayops_api_request_duration_seconds",
        "From request to the head of the answer",
        ["method", "route"],
        registry=registry,
        buckets=_BOUNDS_S,
    )
    return requests, durations


def _template(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", _NO_ROUTE)
