"""Exports reach a real receiver: after an outage, beside a dead one, and again when a process was killed."""

import asyncio
import os
from datetime import UTC, datetime

import pytest

from gatewayops.record.exports.queue import ExportQueue, read_state, waiting
from gatewayops.record.exports.spans import Filter, request_of
from gatewayops.upstream.exports import sender as sending
from gatewayops.upstream.exports.delivery import Target, Verdict
from gatewayops.upstream.exports.over_http import OverHttp, asked_s
from gatewayops.upstream.exports.sender import Sender

_MANY = 4_000
_ROOM = 64 << 20


def sender_to(queue, url, **more):
    target = Target(url, {"x-key": "k"}, allows_private=True)
    return Sender(queue, OverHttp(target).deliver, with_payloads=False, **more)


async def until_empty(sender, queue):
    while await asyncio.to_thread(queue.next_batch, 1) is not None:
        await sender.step()


async def test_a_day_away_loses_nothing_and_holds_one_batch_in_memory(tmp_path, receiver, record):
    queue = ExportQueue(tmp_path, max_bytes=_ROOM)
    sizes, slept = [], []
    receiver.status = 503

    def bounded(limit, take=queue.next_batch):
        batch = take(limit)
        sizes.append(len(batch.records) if batch else 0)
        return batch

    queue.next_batch = bounded

    async def sleep(wait_s):
        slept.append(wait_s)
        if receiver.status == 503 and len(slept) % 40 == 0:  # calls go on while it is away
            start = len(slept) // 40 * 100
            queue.append([record(number) for number in range(start, start + 100)])
        if sum(slept) >= 24 * 3600:
            receiver.status = 200
        if receiver.status == 200 and waiting(tmp_path, read_state(tmp_path)).queued_bytes == 0:
            raise asyncio.CancelledError

    queue.append([record(number) for number in range(100)])
    receiver.more_headers = "retry-after: 600\r\n"
    with pytest.raises(asyncio.CancelledError):
        await sender_to(queue, receiver.url, sleep=sleep).run()
    assert sum(slept) >= 24 * 3600
    rounds = 1 + sum(1 for count in range(1, len(slept) + 1) if count % 40 == 0 and count < 144)
    assert sorted(receiver.span_ids()) == sorted(f"{n + 1:016x}" for n in range(rounds * 100))
    assert max(sizes) <= sending._BATCH
    state = read_state(tmp_path)
    assert (state.sent, state.refused, state.overflowed) == (rounds * 100, 0, 0)
    assert state.last_error == "HTTP 503 no"


async def test_a_backlog_goes_in_bounded_batches_with_the_headers_and_compressed(tmp_path, receiver, record):
    queue = ExportQueue(tmp_path, max_bytes=_ROOM)
    queue.append([record(number) for number in range(_MANY)])
    await until_empty(sender_to(queue, receiver.url), queue)
    assert receiver.span_ids() == [f"{number + 1:016x}" for number in range(_MANY)]
    assert len(receiver.requests) == _MANY // sending._BATCH
    assert receiver.requests[0]["x-key"] == "k"
    assert receiver.requests[0]["content-encoding"] == "gzip"
    assert receiver.requests[0]["content-type"] == "application/x-protobuf"


async def test_a_dead_destination_does_not_slow_a_live_one(tmp_path, receiver, record):
    dead, live = (ExportQueue(tmp_path / name, max_bytes=_ROOM) for name in ("dead", "live"))
    for queue in (dead, live):
        queue.append([record(number) for number in range(1_000)])
    never = asyncio.Event()

    async def hangs(_body):
        await never.wait()

    hanging = asyncio.create_task(Sender(dead, hangs, with_payloads=False).run())
    try:
        async with asyncio.timeout(10):
            await until_empty(sender_to(live, receiver.url), live)
    finally:
        hanging.cancel()
    assert len(receiver.spans) == 1_000
    assert waiting(tmp_path / "dead", read_state(tmp_path / "dead")).queued_bytes > 0


async def test_killed_between_sending_and_committing_the_same_spans_come_again(tmp_path, receiver, record):
    queue = ExportQueue(tmp_path, max_bytes=_ROOM)
    queue.append([record(number) for number in range(10)])

    def killed(*_, **__):
        raise KeyboardInterrupt

    queue.commit = killed
    with pytest.raises(KeyboardInterrupt):
        await sender_to(queue, receiver.url).step()
    again = ExportQueue(tmp_path, max_bytes=_ROOM)
    await until_empty(sender_to(again, receiver.url), again)
    ids = [f"{number + 1:016x}" for number in range(10)]
    assert receiver.span_ids() == ids + ids


@pytest.mark.parametrize("status", [400, 401, 413, 302])
async def test_what_is_refused_for_good_is_counted_and_makes_way(tmp_path, receiver, record, status):
    queue = ExportQueue(tmp_path, max_bytes=_ROOM)
    queue.append([record(1)])
    receiver.status = status
    receiver.more_headers = f"location: {receiver.url}/elsewhere\r\n"
    sender = sender_to(queue, receiver.url)
    await sender.step()
    assert read_state(tmp_path).refused == 1
    assert read_state(tmp_path).last_error == f"HTTP {status} no"
    assert len(receiver.requests) == 1  # a redirect is not followed
    receiver.status = 200
    queue.append([record(2)])
    await sender.step()
    assert receiver.span_ids() == [f"{3:016x}"]


async def test_a_part_that_was_rejected_is_counted_with_its_reason(tmp_path, receiver, record):
    queue = ExportQueue(tmp_path, max_bytes=_ROOM)
    queue.append([record(number) for number in range(10)])
    receiver.rejected = 3
    await sender_to(queue, receiver.url).step()
    state = read_state(tmp_path)
    assert (state.sent, state.refused, state.last_error) == (7, 3, "too old")


async def test_a_full_queue_loses_its_oldest_and_counts_them(tmp_path, receiver, record):
    queue = ExportQueue(tmp_path, max_bytes=64 << 10)
    for start in range(0, 1_000, 10):
        texts = [os.urandom(300).hex() for _ in range(10)]  # which cannot be made smaller than 300 bytes
        queue.append([record(start + at, request_body=text) for at, text in enumerate(texts)])
    lost = read_state(tmp_path).overflowed
    assert lost > 0
    assert waiting(tmp_path, read_state(tmp_path)).queued_bytes <= 64 << 10
    await until_empty(sender_to(queue, receiver.url), queue)
    assert receiver.span_ids() == [f"{number + 1:016x}" for number in range(lost, 1_000)]


async def test_a_frame_that_holds_no_call_is_skipped_and_counted(tmp_path, receiver, record, caplog):
    queue = ExportQueue(tmp_path, max_bytes=_ROOM)
    queue.append([record(1)])
    queue._writer.append(b"\xc1 of another version")
    queue.append([record(2)])
    await until_empty(sender_to(queue, receiver.url), queue)
    assert receiver.span_ids() == [f"{2:016x}", f"{3:016x}"]
    queue._writer.append(b"\xc1", b"\xc1")
    await until_empty(sender_to(queue, receiver.url), queue)
    assert len(receiver.requests) == 1  # nothing is sent for frames that hold nothing
    state = read_state(tmp_path)
    assert (state.sent, state.undecodable) == (2, 3)
    assert caplog.text.count("hold no call") == 2


async def test_a_batch_is_as_large_as_receivers_take(tmp_path, record):
    queue = ExportQueue(tmp_path, max_bytes=_ROOM)
    queue.append([record(number, request_body="x" * 300_000) for number in range(7)])
    sizes = []
    while (batch := queue.next_batch(500)) is not None:
        sizes.append(len(batch.records))
        queue.commit(batch, sent=len(batch.records))
    assert sizes == [3, 3, 1]
    queue.append([record(8, request_body="x" * 2_000_000), record(9)])
    assert len(queue.next_batch(500).records) == 1


async def test_private_addresses_are_not_connected_to_unless_allowed(receiver):
    answer = await OverHttp(Target(receiver.url)).deliver(request_of([], with_payloads=False))
    assert (answer.verdict, answer.status, receiver.requests) == (Verdict.AGAIN, 0, [])
    assert "loopback" in answer.error


def test_waits_double_to_a_minute_and_heed_what_the_other_side_asks():
    for failures, longest in ((1, 1), (2, 2), (6, 32), (7, 60), (5_000, 60)):
        assert longest / 2 <= sending.wait_s(failures, asked_s=0) <= longest
    assert sending.wait_s(1, asked_s=120) == 120


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        ("9" * 400, 3600),
        ("soon", 0),
        ("", 0),
        ("-5", 0),
        ("Sat, 28 Nov 2026 12:01:30 GMT", 90),
        ("Sat, 28 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 29 Nov 2026 12:00:00 GMT", 3600),
        ("Sat, 28 Nov 2026 12:01:30 -0000", 0),
    ],
)
def test_a_destination_says_when_to_come_back_in_seconds_or_as_a_date(retry_after, seconds):
    assert asked_s(retry_after, now=datetime(2026, 11, 28, 12, tzinfo=UTC)) == seconds


def test_a_span_is_named_and_described_as_the_conventions_say(record):
    call = record(
        7,
        status="error",
        reason="tool_error",
        era="legacy",
        session="s",
        error_detail="no",
        request_body="{}",
    )
    (span,) = request_of([call], with_payloads=False).resource_spans[0].scope_spans[0].spans
    said = {one.key: one.value.string_value for one in span.attributes}
    assert span.name == "tools/call search"
    assert span.end_time_unix_nano - span.start_time_unix_nano == 1_000
    assert said["mcp.method.name"] == "tools/call"
    assert said["gen_ai.tool.name"] == "search"
    assert said["gen_ai.operation.name"] == "execute_tool"
    assert said["error.type"] == "tool_error"
    assert said["mcp.session.id"] == "s"
    assert "gen_ai.tool.call.arguments" not in said
    (span,) = request_of([call], with_payloads=True).resource_spans[0].scope_spans[0].spans
    assert "gen_ai.tool.call.arguments" in {one.key for one in span.attributes}


def test_a_destination_gets_the_servers_statuses_and_share_it_wants(record):
    assert Filter().wants(record(1))
    assert not Filter(servers=("jira",)).wants(record(1))
    assert not Filter(statuses=("error",)).wants(record(1))
    low, high = "1" + "0" * 31, "f" + "0" * 31
    assert Filter(sample_ratio=0.5).wants(record(1, trace_id=low))
    assert not Filter(sample_ratio=0.5).wants(record(1, trace_id=high))
    assert Filter().wants(record(1, trace_id="f" * 32))
    assert not Filter(sample_ratio=0).wants(record(0))
