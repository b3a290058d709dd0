"""Followers: each consumer sees every record once, and segments wait for all of them."""

import asyncio

import msgspec
import pytest

from gatewayops.base import clock
from gatewayops.base.errors import Unavailable
from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Follower, Keeping, Lingering
from gatewayops.record.destination import Calls
from gatewayops.record.recorder import Recorder
from gatewayops.record.settings import RecordSettings
from gatewayops.record.spool import SpoolWriter, name_of, segments

_TYPES = CallRecord.__annotations__


class Collector:
    """A consumer that keeps all in memory. Fails `failures` times first, after keeping when told so."""

    name = "collector"

    def __init__(self):
        self.kept = []
        self.places = {}
        self.failures = 0
        self.keeps_before_failing = False

    async def offsets(self):
        return dict(self.places)

    async def take(self, records, step):
        if self.failures and not self.keeps_before_failing:
            self.failures -= 1
            raise Unavailable("away")
        for part in step.ranges:
            assert self.places.get(part.segment, 0) == part.start
            self.places[part.segment] = part.end
        for segment in step.gone:
            del self.places[segment]
        self.kept += [record.span_id for record in records]
        if self.failures:
            self.failures -= 1
            raise Unavailable("the answer was lost")


class Store:
    """A telemetry store that takes all."""

    async def insert_spans(self, columns, token):
        pass

    async def batch_span_ids(self, token, *, first_ns, last_ns):
        return set()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def writer(root):
    opened = SpoolWriter(root, segment_bytes=1 << 10)
    yield opened
    opened.close()


@pytest.fixture
def collector():
    return Collector()


@pytest.fixture
def follower(root, collector):
    return Follower(root, collector, batch=10)


def append(writer, *numbers):
    empty = {name: kind() for name, kind in _TYPES.items()}
    for number in numbers:
        writer.append(msgspec.msgpack.encode(CallRecord(**empty | {"span_id": str(number)})))


def names(*numbers):
    return [str(number) for number in numbers]


async def test_all_records_come_once_in_order_over_many_segments(writer, root, collector, follower):
    append(writer, *range(60))
    assert len(segments(root)) > 2
    await follower.drain()
    append(writer, 60)
    await follower.drain()
    await Follower(root, collector).drain()

    assert collector.kept == names(*range(61))


@pytest.mark.parametrize("keeps", [False, True], ids=["kept nothing", "kept it, unknown to us"])
async def test_a_failing_consumer_gets_the_same_again_or_what_follows(writer, collector, follower, keeps):
    append(writer, *range(5))
    collector.failures, collector.keeps_before_failing = 1, keeps
    with pytest.raises(Unavailable):
        await follower.drain()
    append(writer, 5)

    await follower.drain()

    assert collector.kept == names(*range(6))


async def test_running_outlasts_a_failing_consumer(writer, collector, follower):
    append(writer, 1)
    collector.failures = 1
    running = asyncio.create_task(follower.run())
    async with asyncio.timeout(20):
        while not collector.kept:  # noqa: ASYNC110 - the follower tells nobody
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert collector.kept == ["1"]


async def test_frames_that_are_no_records_are_passed_over(writer, root, collector, follower):
    append(writer, 1)
    writer.append(b"\xc1 not msgpack")
    writer.probe()
    append(writer, 2)
    await follower.drain()

    assert collector.kept == names(1, 2)
    assert follower.undecodable == 1
    [segment] = segments(root)
    assert follower.has_passed(name_of(segment), segment.stat().st_size)


async def test_segments_wait_for_every_consumer(writer, root, tmp_path, follower):
    append(writer, *range(60))
    count = len(segments(root))
    recorder = Recorder(root, tmp_path / "state", Calls(Store()), RecordSettings(), consumers=(follower,))
    await recorder.drain()
    assert len(segments(root)) == count

    await follower.drain()
    await recorder.drain()

    assert len(segments(root)) == 1


async def test_places_of_deleted_segments_are_given_up(writer, root, tmp_path, collector, follower):
    append(writer, *range(60))
    await follower.drain()
    await Recorder(root, tmp_path / "state", Calls(Store()), RecordSettings()).drain()
    await follower.drain()

    assert set(collector.places) <= {name_of(path) for path in segments(root)}
    append(writer, 60)
    await follower.drain()
    assert collector.kept == names(*range(61))


async def test_a_segment_lingers_after_its_last_record(writer, root, monkeypatch):
    append(writer, 1)
    [segment] = segments(root)
    written_s = segment.stat().st_mtime
    lingering = Lingering(root)

    monkeypatch.setattr(clock, "unix_s", lambda: written_s + 29)
    assert not lingering.has_passed(name_of(segment), 1)
    monkeypatch.setattr(clock, "unix_s", lambda: written_s + 30)
    assert lingering.has_passed(name_of(segment), 1)
    assert lingering.has_passed("gone/1.seg", 1)
    assert not Keeping().has_passed(name_of(segment), 0)
