"""A spool that takes no records: calls are not answered as done, and go on when the disk has room again."""

import contextlib
import os

import pytest

from gatewayops.testing.fake_server import by_method

NOTE = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}


@contextlib.contextmanager
def full_disk(gateway):
    """The worker's segment leads to a device that is always full."""
    segment = gateway.worker._spool._file
    kept, full = os.dup(segment), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, segment)
    try:
        yield
    finally:
        os.dup2(kept, segment)
        os.close(kept)
        os.close(full)


async def test_a_call_that_cannot_be_recorded_is_503_and_not_done(gateway, server):
    with full_disk(gateway):
        call = await gateway.call()
        rest = await gateway.rest("tools/call", {"tool": "echo"})

    for answer in (call, rest):
        assert answer.status == 503
        assert b"record_unavailable" in answer.body
        assert b"echo" not in answer.body
        assert answer.header("retry-after") == "1"
    assert gateway.records() == []


async def test_refusals_that_cannot_be_recorded_are_503_too(gateway):
    with full_disk(gateway):
        assert (await gateway.call(key=None)).status == 503


async def test_while_the_disk_is_full_no_further_call_reaches_a_server(gateway, server):
    with full_disk(gateway):
        await gateway.call()
        for _ in range(3):
            assert (await gateway.call()).status == 503
        ready = await gateway.ask("GET", "/v1/ready")

    assert len(server.requests) == 1
    assert (ready.status, ready.json["records"]) == (503, False)


async def test_calls_go_on_when_there_is_room_again(gateway, server):
    with full_disk(gateway):
        await gateway.call()

    assert (await gateway.call()).status == 200
    assert gateway.record.status == "success"
    assert (await gateway.ask("GET", "/v1/ready")).status == 200


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_the_answer_in_a_stream_does_not_leave_unrecorded(gateway, server, era):
    ended = []

    async def script(turn):
        await turn.open_stream()
        await turn.event(NOTE)
        await turn.event(turn.message({"done": "yes"}))
        await turn.hung_up()
        ended.append(True)

    server.script = by_method({"tools/call": script})
    with full_disk(gateway):
        line = await gateway.begin("tools/call", {"name": "echo"}, era=era)
        seen = await line.ended()

    assert b'"done"' not in seen
    assert gateway.records() == []
    await gateway.connect()


async def test_a_broken_spool_leaves_no_stream_open_at_the_server(gateway, server, eventually):
    ended = []

    async def script(turn):
        await turn.open_stream()
        await turn.event(turn.message({"done": "yes"}))
        await turn.hung_up()
        ended.append(True)

    server.script = by_method({"tools/call": script})
    with full_disk(gateway):
        await (await gateway.begin("tools/call", {"name": "echo"})).ended()
        await eventually(lambda: ended)


async def test_a_call_whose_record_cannot_be_made_is_not_answered_as_done(gateway):
    calls = gateway.worker._calls
    real = calls._record

    def faulty(call, *rest):
        if call.subject == "odd":
            msg = "a bug in what makes records"
            raise ValueError(msg)
        return real(call, *rest)

    calls._record = faulty

    assert (await gateway.call("odd")).status == 503
    assert (await gateway.call("plain")).status == 200
    assert gateway.record.tool == "plain"
