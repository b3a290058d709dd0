"""How far readers of the spool are behind, as /metrics shows it."""

import time
from dataclasses import dataclass

from gatewayops.record import spool
from gatewayops.record.metrics import Watched, spool_metrics


@dataclass
class Reader:
    offsets: dict[str, int] | None
    caught_up_at: float


def values(readers):
    metrics = spool_metrics(readers)
    return {(s.name, s.labels["consumer"]): s.value for metric in metrics for s in metric.samples}


def test_bytes_and_seconds_behind_are_each_readers_own(tmp_path):
    writer = spool.SpoolWriter(tmp_path)
    writer.append(b"x" * 92)
    first = spool.name_of(spool.segments(tmp_path)[0])
    other = spool.SpoolWriter(tmp_path)
    other.append(b"y" * 42)
    now = time.monotonic()
    readers = {"recorder": Reader({first: 60}, now - 100), "audit": Reader({first: 100}, now)}
    shown = values([Watched(name, "calls", tmp_path, reader) for name, reader in readers.items()])
    writer.close()
    other.close()

    assert shown["gatewayops_spool_bytes", "recorder"] == 150
    assert shown["gatewayops_spool_backlog_bytes", "recorder"] == 90
    assert shown["gatewayops_spool_backlog_bytes", "audit"] == 50
    assert 100 <= shown["gatewayops_spool_lag_seconds", "recorder"] < 110
    assert shown["gatewayops_spool_lag_seconds", "audit"] < 10


def test_a_reader_in_whose_place_another_process_reads_shows_nothing(tmp_path):
    assert values([Watched("recorder", "calls", tmp_path, Reader(None, 0.0))]) == {}
