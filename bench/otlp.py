"""python -m bench.otlp: exported spans a second a core, into embedded storage, and when they are found.

Each batch is 512 spans as an MCP server's SDK sends them (about 440 bytes and 11 attributes each, one in
a hundred with a secret), decoded, masked, spooled, read back and inserted by the real classes. This process
does what control does; the store is one of its own. Counted is CPU time, which other work on the machine
stretches less than the clock: a core's rate is one second over the sum. The goal is 15,000 a second a core,
and p95 of 2 s until a span is found.
"""

import argparse
import asyncio
import gc
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.process_cost import cpu_s
from gatewayops.protocol.otlp import PROTOBUF
from gatewayops.record.intake import Export, Intake
from gatewayops.record.masking import Masker
from gatewayops.record.otlp import destinations, signals
from gatewayops.record.otlp.sender import Sender
from gatewayops.record.recorder import Recorder
from gatewayops.record.settings import RecordSettings
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.testing.store_process import PASSWORD, USER, StoreProcess

_BATCH = 512
_SENDER = Sender(org_id="org_bench", key_id="key_bench", team_id="team_bench")
_TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
_PROBES = 20
_GOAL_A_CORE = 15_000
_GOAL_FOUND_S = 2.0


def batch(number: int, *, trace_id: bytes = b"") -> bytes:
    """A request of 512 spans, in protobuf."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in (("service.name", "crm"), ("service.version", "1.2"), ("host.name", "node-17")):
        group.resource.attributes.add(key=key).value.string_value = value
    scoped = group.scope_spans.add()
    scoped.scope.name = "mcp.server"
    now_ns = time.time_ns()
    for at in range(_BATCH):
        span = scoped.spans.add(
            trace_id=trace_id or os.urandom(16),
            span_id=os.urandom(8),
            parent_span_id=os.urandom(8),
            name="tools/call search",
            kind="SPAN_KIND_SERVER",
            start_time_unix_nano=now_ns - 5_000_000 - at * 1_000,
            end_time_unix_nano=now_ns - at * 1_000,
        )
        texts = {
            "mcp.method.name": "tools/call",
            "gen_ai.tool.name": "search",
            "mcp.protocol.version": "2026-07-28",
            "jsonrpc.request.id": str(number * _BATCH + at),
            "network.transport": "tcp",
            "server.address": "crm.internal",
            "enduser.id": f"user-{at * 7919 % 10_000}",
            "db.query.text": f"SELECT name FROM customers WHERE id = {at} AND kind = 'b'",
            "note": f"using {_TOKEN}" if at % 100 == 0 else "nothing special",
        }
        for key, value in texts.items():
            span.attributes.add(key=key).value.string_value = value
        span.attributes.add(key="server.port").value.int_value = 8080
        span.attributes.add(key="cache.hit").value.bool_value = at % 2 == 0
    encoded: bytes = request.SerializeToString()
    return encoded


async def ingest(
    intake: Intake, recorder: Recorder[Any], bodies: list[bytes], *, store: int
) -> dict[str, float]:
    """CPU seconds by process and stage, and the clock's. `store` is the store's process."""
    masker = Masker()
    begin, store_begin, wall = time.process_time(), cpu_s(store), time.perf_counter()
    for body in bodies:
        await intake.take(Export(signals.TRACES, PROTOBUF, "", body), _SENDER, masker)
    taken = time.process_time()
    await recorder.drain()
    return {
        "control: decode, mask, spool": taken - begin,
        "control: read back, insert": time.process_time() - taken,
        "store: parse, write, merge": cpu_s(store) - store_begin,
        "wall": time.perf_counter() - wall,
    }


async def found_after_s(telemetry: Telemetry, intake: Intake, number: int) -> float:
    """From the acknowledgement until a span of the batch is found by its trace."""
    trace_id = os.urandom(16)
    body = batch(number, trace_id=trace_id)
    await intake.take(Export(signals.TRACES, PROTOBUF, "", body), _SENDER, Masker())
    begin = time.perf_counter()
    question = "SELECT 1 FROM spans WHERE org_id = {org:String} AND trace_id = {trace:String} LIMIT 1"
    while not await telemetry.rows(  # noqa: ASYNC110 - a condition of the store, not an event
        question, {"org": _SENDER.org_id, "trace": trace_id.hex()}
    ):
        await asyncio.sleep(0.02)
    return time.perf_counter() - begin


async def main(spans: int) -> None:
    """Prints figures."""
    with tempfile.TemporaryDirectory(prefix="gatewayops-otlp-") as folder, _store(Path(folder)) as store:
        telemetry = Telemetry(store.url, USER, PASSWORD, "bench")
        await telemetry.ensure_schema()
        settings = RecordSettings(otlp_backlog_bytes=1 << 40)
        intake = Intake(Path(folder) / "otlp", settings, retention_days=30)
        destination = destinations.Exported(telemetry, destinations.SPANS)
        recorder = Recorder(Path(folder) / "otlp" / "spans", Path(folder) / "state", destination, settings)
        bodies = [batch(number) for number in range(-(-spans // _BATCH))]
        gc.freeze()  # as control does when it is built
        spent = await ingest(intake, recorder, bodies, store=store.pid)
        count = len(bodies) * _BATCH
        wall = spent.pop("wall")
        spent["sum"] = sum(spent.values())
        for stage, cpu in spent.items():
            print(f"{stage:30} {cpu / count * 1e6:7.1f} us of CPU a span")
        a_core = count / spent["sum"]
        print(f"{count} spans in {wall:.1f} s: {a_core:,.0f} a second a core (goal {_GOAL_A_CORE:,})")
        [row] = await telemetry.rows(
            "SELECT count() AS n, countIf(position(attributes['note'], 'ghp_a') > 0) AS s FROM spans"
        )
        print(f"stored: {row['n']}, with a secret: {row['s']}")
        running = asyncio.create_task(recorder.run())
        waits = sorted([await found_after_s(telemetry, intake, number) for number in range(_PROBES)])
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        p50, p95 = waits[_PROBES // 2], waits[-2]
        print(f"found after its acknowledgement: p50 {p50:.2f} s, p95 {p95:.2f} s (goal {_GOAL_FOUND_S} s)")
        intake.close()
        await telemetry.close()


@contextmanager
def _store(folder: Path) -> Iterator[StoreProcess]:
    process = StoreProcess(folder / "telemetry")
    process.start()
    try:
        yield process
    finally:
        process.end()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=200_000)
    asyncio.run(main(parser.parse_args().spans))
