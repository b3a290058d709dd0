"""What /metrics of the embedded store shows: statements by kind, how long they took, and the tables.

A ClickHouse server elsewhere has metrics of its own.
"""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gatewayops.base.errors import GatewayOpsError
from gatewayops.protocol import scraping
from gatewayops.store.embedded.engine import Answer, Engine, Request
from gatewayops.store.embedded.statement import Insert, Statement, only_reads, parse

_BOUNDS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_TABLES = (
    "SELECT table, count() AS parts, sum(rows) AS rows, sum(bytes_on_disk) AS bytes "
    "FROM system.parts WHERE active AND database = {database:String} GROUP BY table ORDER BY table"
)
_TABLE_GAUGES = (
    ("gatewayops_store_parts", "Active parts of a table"),
    ("gatewayops_store_rows", "Rows of a table"),
    ("gatewayops_store_bytes", "Bytes of a table on disk"),
)


class StoreMetrics:
    """The counts of one store role."""

    def __init__(self, engine: Engine, *, database: str) -> None:
        """`database` is the one whose tables are shown."""
        self._engine = engine
        self._database = database
        registry = self._registry = scraping.registry_of(self._tables)
        self._statements = Counter(
            "gatewayops_store_statements", "Statements run", ["kind", "status"], registry=registry
        )
        self._durations = Histogram(
            "gatewayops_store_statement_duration_seconds",
            "From request to answer, waiting included",
            ["kind"],
            registry=registry,
            buckets=_BOUNDS_S,
        )
        self._inserted = Counter("gatewayops_store_inserted_rows", "Rows inserted", registry=registry)
        self.waiting = Gauge("gatewayops_store_waiting", "Statements under way", registry=registry)

    def count(self, statement: Statement, answer: Answer | None, *, duration_s: float) -> None:
        """Adds one statement; None for one that failed."""
        kind = "insert" if isinstance(statement, Insert) else "read" if only_reads(statement) else "other"
        self._statements.labels(kind, "ok" if answer else "failed").inc()
        self._durations.labels(kind).observe(duration_s)
        if isinstance(statement, Insert) and answer:
            self._inserted.inc(answer.rows_written)

    def render(self) -> bytes:
        """The text format 0.0.4; blocking, for one of the engine's threads."""
        return generate_latest(self._registry)

    def _tables(self) -> Iterable[Metric]:
        statement = parse(_TABLES, b"", default_format="TabSeparated")
        gauges = [GaugeMetricFamily(name, about, labels=["table"]) for name, about in _TABLE_GAUGES]
        try:
            answer = self._engine.run(Request(statement, parameters={"database": self._database}))
        except GatewayOpsError:
            return
        for line in answer.payload.decode().splitlines():
            table, *counts = line.split("\t")
            for gauge, count in zip(gauges, counts, strict=True):
                gauge.add_metric([table], float(count))
        yield from gauges
