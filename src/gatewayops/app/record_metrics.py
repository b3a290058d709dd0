"""What the control role adds to its /metrics: its recorders, and who else reads the spool."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import Metric

from gatewayops.record.consumers import Follower
from gatewayops.record.metrics import Watched, recorder_metrics, spool_metrics
from gatewayops.record.recorder import Recorder


class RecordMetrics:
    """Asked at each scrape."""

    def __init__(
        self, spool: Path, followers: Sequence[Follower], recorders: Mapping[str, Recorder[Any]]
    ) -> None:
        """Followers read calls, in `spool`; `recorders` come by the kind of what they record."""
        self._counts = {kind: recorder.counts for kind, recorder in recorders.items()}
        self._readers = [Watched(one.name, "calls", spool, one) for one in followers]
        self._readers += [Watched("recorder", kind, one.root, one) for kind, one in recorders.items()]

    def collect(self) -> list[Metric]:
        """Reads the sizes of files, so blocking."""
        return [*spool_metrics(self._readers), *recorder_metrics(self._counts)]
