"""A worker that is told to stop: calls under way end, endless streams are ended, nobody new is let in."""

import asyncio
import os
import signal
import sys

import pytest

from gatewayops.gateway import role

NOTE = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


@pytest.fixture
def gate():
    return asyncio.Event()


def waits_for(gate):
    async def script(turn):
        if turn.request.verb == "GET" or turn.request.method == "subscriptions/listen":
            await turn.open_stream()
            await turn.event(NOTE)
            await turn.hung_up()
        else:
            await gate.wait()
            await turn.reply({"late": True})

    return script


async def test_calls_under_way_are_answered_and_recorded(gateway, server, gate):
    server.script = waits_for(gate)
    line = await gateway.begin("tools/call", {"name": "echo"})
    await server.received(1)
    gateway.ask_to_stop()
    while not gateway.worker.door.is_draining:  # noqa: ASYNC110 - it happens in another thread
        await asyncio.sleep(0.01)
    gate.set()

    assert (await line.read_answer()).json["result"] == {"late": True}
    await gateway.stopped()
    assert gateway.record.status == "success"


async def test_streams_that_would_last_for_ever_are_ended(gateway, server, gate):
    server.script = waits_for(gate)
    listening = await gateway.begin("subscriptions/listen", {}, era="modern")
    await listening.read_head()
    got = await gateway.connect()
    await got.send(gateway.head("GET", "/v1/mcp/tools", headers={"accept": "text/event-stream"}))
    await got.read_head()
    gateway.ask_to_stop()

    listened = b"".join([chunk async for chunk in listening.chunks()])
    assert b"restarted" in listened
    assert b"list_changed" in b"".join([chunk async for chunk in got.chunks()])
    await gateway.stopped()
    assert len(gateway.records()) == 2


async def test_nobody_new_is_let_in(gateway):
    gateway.ask_to_stop()
    await gateway.stopped()

    with pytest.raises(ConnectionRefusedError):
        await gateway.connect()


WORKER = """
from pathlib import Path
from gatewayops.gateway import role
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.policy.governance import GovernanceSettings
from gatewayops.record.settings import RecordSettings
from gatewayops.upstream.settings import UpstreamSettings
import sys

listen = role._listen
def told(settings):
    listener = listen(settings)
    print(listener.getsockname()[1], flush=True)
    return listener
role._listen = told
role.run(role.GatewayParts(GatewaySettings(port=0, drain_s=1.0), UpstreamSettings(), RecordSettings(),
         GovernanceSettings(), Path(sys.argv[1]), "http://127.0.0.1:9", "token"))
"""


@pytest.mark.parametrize("is_known", [True, False], ids=["known key", "new key"])
@pytest.mark.parametrize("is_answered", [True, False], ids=["in time", "never"])
async def test_sigterm_ends_a_process_when_its_calls_are_over_or_its_patience_is(
    gateway, server, gate, is_answered, is_known
):
    command = (sys.executable, "-c", WORKER, str(gateway.data))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        gateway.port = int(await process.stdout.readline())
        if is_known:
            assert (await gateway.call()).status == 200
        before = len(server.requests)
        server.script = waits_for(gate)
        line = await gateway.begin("tools/call", {"name": "echo"})
        await server.received(before + 1)
        os.kill(process.pid, signal.SIGTERM)
        if is_answered:
            gate.set()
        seen = await line.ended()
        async with asyncio.timeout(10):
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert code in (0, -signal.SIGTERM)
    assert (b'"late"' in seen) == is_answered
    last = gateway.records()[-1]
    assert len(gateway.records()) == 1 + is_known
    assert (last.status, last.method) == ("success" if is_answered else "error", "tools/call")


async def test_a_port_that_is_taken_stops_the_start(gateway):
    settings = gateway._parts.settings
    taken = type(settings)(port=gateway.port)

    with pytest.raises(OSError, match="in use"):
        role._listen(taken)
