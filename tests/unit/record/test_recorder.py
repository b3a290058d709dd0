"""The recorder's decisions, against a telemetry store in memory."""

import asyncio

import msgspec
import pytest

from gatewayops.base.errors import Unavailable
from gatewayops.record.call_record import CallRecord
from gatewayops.record.destination import Calls
from gatewayops.record.recorder import Recorder
from gatewayops.record.settings import RecordSettings
from gatewayops.record.spool import SpoolWriter, segments


class FakeStore:
    """Keeps span ids; the tokens it has seen insert nothing more. Fails `failures` times first."""

    def __init__(self):
        self.spans = []
        self.batch_of = {}
        self.tokens = []
        self.known_tokens = set()
        self.failures = 0
        self.forgets_rows_of_next = False

    async def insert_spans(self, columns, token):
        self.tokens.append(token)
        if token not in self.known_tokens and not self.forgets_rows_of_next:
            self.spans += columns["span_id"]
            self.batch_of |= dict(zip(columns["span_id"], columns["batch"], strict=True))
        self.known_tokens.add(token)
        self.forgets_rows_of_next = False
        if self.failures:
            self.failures -= 1
            msg = "away"
            raise Unavailable(msg)

    async def batch_span_ids(self, token, *, first_ns, last_ns):
        return {span for span in self.spans if self.batch_of[span] == token}


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def writer(tmp_path):
    opened = SpoolWriter(tmp_path / "spool", segment_bytes=1 << 10)
    yield opened
    opened.close()


@pytest.fixture
def recorder(store, tmp_path):
    return Recorder(
        tmp_path / "spool", tmp_path / "state", Calls(store), RecordSettings(batch_rows=10, flush_s=0.05)
    )


def append(writer, *numbers):
    for number in numbers:
        values = [0 if kind is int else False if kind is bool else "" for kind in _TYPES.values()]
        record = CallRecord(**dict(zip(_TYPES, values, strict=True)) | {"span_id": f"{number:016x}"})
        writer.append(msgspec.msgpack.encode(record))


_TYPES = CallRecord.__annotations__


def ids(*numbers):
    return [f"{number:016x}" for number in numbers]


async def test_batches_are_bounded_and_in_order(recorder, store, writer):
    append(writer, *range(25))

    await recorder.drain()

    assert store.spans == ids(*range(25))
    assert recorder.counts.batches == 3


async def test_used_up_segments_go_and_the_growing_one_stays(recorder, store, writer, tmp_path):
    append(writer, *range(60))
    assert len(segments(tmp_path / "spool")) > 2

    await recorder.drain()

    assert len(segments(tmp_path / "spool")) == 1
    append(writer, 60)
    await recorder.drain()
    assert store.spans == ids(*range(61))


async def test_a_frame_that_is_no_record_is_counted_and_skipped(recorder, store, writer):
    append(writer, 1)
    writer.append(b"\xc1 not msgpack")
    writer.append(msgspec.msgpack.encode({"a": "map"}))
    append(writer, 2)

    await recorder.drain()

    assert store.spans == ids(1, 2)
    assert recorder.counts.undecodable == 2


async def test_a_torn_tail_of_a_dead_writer_is_counted_and_goes(recorder, store, tmp_path):
    writer = SpoolWriter(tmp_path / "spool")
    append(writer, 1, 2)
    writer.close()
    [segment] = segments(tmp_path / "spool")
    segment.write_bytes(segment.read_bytes()[:-7])

    await recorder.drain()

    assert store.spans == ids(1)
    assert recorder.counts.torn_bytes > 0
    assert segments(tmp_path / "spool") == []


async def test_a_torn_tail_of_a_living_writer_waits(recorder, store, writer, tmp_path):
    append(writer, 1, 2)
    [segment] = segments(tmp_path / "spool")
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-7])
    await recorder.drain()
    segment.write_bytes(whole)

    await recorder.drain()

    assert store.spans == ids(1, 2)
    assert recorder.counts.torn_bytes == 0


async def test_an_insert_without_an_answer_is_repeated_with_the_same_rows(recorder, store, writer):
    append(writer, *range(10))
    store.failures = 2
    with pytest.raises(Unavailable):
        await recorder.drain()
    append(writer, *range(10, 13))
    with pytest.raises(Unavailable):
        await recorder.drain()

    await recorder.drain()

    assert store.tokens[0] == store.tokens[1] == store.tokens[2] != store.tokens[3]
    assert store.spans == ids(*range(13))


async def test_rows_whose_token_is_known_but_that_are_not_there_are_repaired(recorder, store, writer):
    append(writer, *range(5))
    store.failures, store.forgets_rows_of_next = 1, True
    with pytest.raises(Unavailable):
        await recorder.drain()
    assert store.spans == []

    await recorder.drain()

    assert store.spans == ids(*range(5))
    assert recorder.counts.repaired == 5


async def test_running_outlasts_a_store_that_is_away(recorder, store, writer):
    append(writer, *range(3))
    store.failures = 1
    running = asyncio.create_task(recorder.run())

    async with asyncio.timeout(20):
        while recorder.counts.batches < 1:  # noqa: ASYNC110 - the recorder tells nobody
            await asyncio.sleep(0.01)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert store.spans == ids(0, 1, 2)
    assert recorder.counts.failures == 1


async def test_progress_survives_a_new_start(recorder, store, writer, tmp_path):
    append(writer, 1)
    await recorder.drain()
    append(writer, 2)

    await Recorder(tmp_path / "spool", tmp_path / "state", Calls(store), RecordSettings()).drain()

    assert store.spans == ids(1, 2)


async def test_it_is_caught_up_only_when_all_that_was_written_is_stored(recorder, store, writer):
    before = recorder.caught_up_at
    store.failures = 1
    append(writer, 1)
    with pytest.raises(Unavailable):
        await recorder.drain()
    failed = recorder.caught_up_at
    await recorder.drain()

    assert failed == before
    assert recorder.caught_up_at > before
