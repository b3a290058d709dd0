"""What /metrics of the control role shows of recorders and of who else reads the spool.

How far behind a reader is has two sides: bytes in the spool that it has not kept yet, and the seconds since
it had kept all that was written.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gatewayops.record import spool
from gatewayops.record.recorder import Counts

_COUNTS = {
    "stored": "Records stored in the telemetry store",
    "batches": "Batches stored",
    "failures": "Batches that could not be stored and are tried again",
    "replayed": "Batches of unknown fate, inserted again",
    "repaired": "Records that the store had lost and got again",
    "undecodable": "Frames of the spool that hold no record",
    "torn_bytes": "Bytes at the ends of segments that are no whole record",
}


class SpoolReader(Protocol):
    """record.recorder.Recorder and record.consumers.Follower."""

    @property
    def offsets(self) -> Mapping[str, int] | None:
        """What it has kept, by segment; None while another process reads in its place."""

    @property
    def caught_up_at(self) -> float:
        """time.monotonic(): what was written to the spool before, it has kept."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A reader of a spool, and as labels who it is and what it reads."""

    consumer: str
    kind: str
    root: Path
    reader: SpoolReader


def spool_metrics(readers: Iterable[Watched]) -> list[Metric]:
    """Size of each reader's spool and how far behind it is; reads the sizes of files, so blocking."""
    sizes = GaugeMetricFamily(
        "gatewayops_spool_bytes", "Bytes of the spool on disk", labels=["consumer", "kind"]
    )
    backlogs = GaugeMetricFamily(
        "gatewayops_spool_backlog_bytes",
        "Bytes of the spool that are not kept yet",
        labels=["consumer", "kind"],
    )
    lags = GaugeMetricFamily(
        "gatewayops_spool_lag_seconds",
        "Since all that was written had been kept",
        labels=["consumer", "kind"],
    )
    for watched in readers:
        offsets = watched.reader.offsets
        if offsets is None:
            continue
        held = _sizes(watched.root)
        name = [watched.consumer, watched.kind]
        sizes.add_metric(name, sum(held.values()))
        backlogs.add_metric(name, sum(max(0, size - offsets.get(at, 0)) for at, size in held.items()))
        lags.add_metric(name, max(0.0, time.monotonic() - watched.reader.caught_up_at))
    return [sizes, backlogs, lags]


def recorder_metrics(by_kind: Mapping[str, Counts]) -> list[Metric]:
    """A counter for each of Counts' fields, since the role started; `by_kind` names what is recorded."""
    families: list[Metric] = []
    for field, about in _COUNTS.items():
        counter = CounterMetricFamily(f"gatewayops_recorder_{field}", about, labels=["kind"])
        for kind, counts in by_kind.items():
            counter.add_metric([kind], getattr(counts, field))
        families.append(counter)
    return families


def _sizes(root: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for path in spool.segments(root):
        try:
            sizes[spool.name_of(path)] = path.stat().st_size
        except FileNotFoundError:
            continue  # removed meanwhile
    return sizes
