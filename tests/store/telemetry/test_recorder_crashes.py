"""Nothing is lost and nothing doubled when recorder or store are killed with SIGKILL at bad moments."""

import asyncio
import signal
import subprocess
import sys

import msgspec
import pytest

from gatewayops.record.destination import Calls
from gatewayops.record.recorder import Recorder
from gatewayops.record.rows import columns_of
from gatewayops.record.settings import RecordSettings
from gatewayops.record.spool import SpoolWriter, segments
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.store.telemetry.trace_times import extent_of_trace

from .conftest import PASSWORD, USER

_RECORDER = """
import asyncio, os, signal, sys
from pathlib import Path
from gatewayops.record.destination import Calls
from gatewayops.record.recorder import Recorder
from gatewayops.record.settings import RecordSettings
from gatewayops.store.telemetry.client import Telemetry

url, database, folder, moment = sys.argv[1:]

class Doomed(Telemetry):
    async def insert_spans(self, columns, token):
        if moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await super().insert_spans(columns, token)
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    telemetry = Doomed(url, "gatewayops", "a password: with a colon", database, retention_days=3650)
    settings = RecordSettings(batch_rows=100)
    await Recorder(Path(folder) / "spool", Path(folder), Calls(telemetry), settings).drain()

asyncio.run(main())
"""


def spool(root, record, count):
    writer = SpoolWriter(root, segment_bytes=1 << 16)
    for _ in range(count):
        writer.append(msgspec.msgpack.encode(record()))
    return writer


async def until(is_so):
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - a condition of the real recorder, not an event
            await asyncio.sleep(0.005)


async def test_a_repeated_insert_completes_the_look_up_by_id(telemetry, record):
    """A store may be killed after it kept the spans and before it kept when their traces were."""
    calls = [record(trace_id="a" * 32), record(trace_id="b" * 32)]
    columns = columns_of(calls, batch="b")
    await telemetry.insert_spans(columns, "b")
    await telemetry.change(["TRUNCATE TABLE trace_times"])

    for _ in range(2):
        await telemetry.insert_spans(columns, "b")

    assert await figures(telemetry) == (2, 2)
    for call in calls:
        values = {"org": "org_a", "trace": call.trace_id}
        [extent] = await telemetry.rows(extent_of_trace(), values)
        assert (extent["first_ns"], extent["last_ns"]) == (call.ts_ns, call.ts_ns)


async def figures(telemetry):
    [row] = await telemetry.rows("SELECT count() AS n, uniqExact(span_id) AS ids FROM spans")
    return row["n"], row["ids"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_recorder_killed_around_an_insert_stores_each_call_once(
    telemetry, store, tmp_path, record, moment
):
    writer = spool(tmp_path / "spool", record, 250)
    await telemetry.ensure_schema()
    command = [sys.executable, "-c", _RECORDER, store.url, telemetry.database, str(tmp_path), moment]
    for _ in range(2):
        ended = await asyncio.to_thread(subprocess.run, command, timeout=60)
        assert ended.returncode == -signal.SIGKILL
    late = SpoolWriter(tmp_path / "spool")  # calls that arrive meanwhile must not change the pending batch
    late.append(msgspec.msgpack.encode(record()))

    await Recorder(tmp_path / "spool", tmp_path, Calls(telemetry), RecordSettings(batch_rows=100)).drain()

    assert await figures(telemetry) == (251, 251)
    writer.close()
    late.close()


async def test_a_store_killed_during_inserts_loses_and_doubles_nothing(mortal_store, tmp_path, record):
    telemetry = Telemetry(mortal_store.url, USER, PASSWORD, "gatewayops", retention_days=3650)
    await telemetry.ensure_schema()
    recorder = Recorder(
        tmp_path / "spool", tmp_path, Calls(telemetry), RecordSettings(batch_rows=50, flush_s=0.05)
    )
    running = asyncio.create_task(recorder.run())
    writers = []
    for round_number in range(4):
        writers.append(spool(tmp_path / "spool", record, 1500))
        stored = recorder.counts.stored
        await until(lambda: recorder.counts.stored >= stored + 50 * (round_number + 1))  # noqa: B023 - awaited here
        await asyncio.to_thread(mortal_store.end, signal.SIGKILL)
        await asyncio.to_thread(mortal_store.start)
    for writer in writers:
        writer.close()

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await recorder.drain()

    assert await figures(telemetry) == (6000, 6000)
    assert segments(tmp_path / "spool") == []
    await telemetry.close()


async def test_a_second_recorder_waits_until_the_first_is_gone(telemetry, tmp_path, record):
    settings = RecordSettings(flush_s=0.05)
    first = Recorder(tmp_path / "spool", tmp_path, Calls(telemetry), settings)
    second = Recorder(tmp_path / "spool", tmp_path, Calls(telemetry), settings)
    writer = spool(tmp_path / "spool", record, 10)
    tasks = [asyncio.create_task(first.run())]
    await until(lambda: first.counts.stored == 10)
    tasks.append(asyncio.create_task(second.run()))
    writer.append(msgspec.msgpack.encode(record()))
    await until(lambda: first.counts.stored == 11)
    tasks[0].cancel()
    writer.append(msgspec.msgpack.encode(record()))
    await until(lambda: second.counts.stored == 1)

    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (first.counts.stored, second.counts.stored) == (11, 1)
    assert await figures(telemetry) == (12, 12)
    writer.close()


async def test_a_call_is_found_soon_after_it_was_spooled(telemetry, tmp_path, record):
    recorder = Recorder(tmp_path / "spool", tmp_path, Calls(telemetry), RecordSettings())
    running = asyncio.create_task(recorder.run())
    writer = SpoolWriter(tmp_path / "spool")
    call = record()

    writer.append(msgspec.msgpack.encode(call))

    await until(lambda: recorder.counts.stored == 1)
    assert await figures(telemetry) == (1, 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    writer.close()
