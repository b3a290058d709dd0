"""Gateways tell the control role what they saw, whether it is there or not."""

import asyncio

import msgspec
import pytest

from gatewayops.policy.pins.pins import Seen
from gatewayops.policy.pins.sightings import Sightings
from gatewayops.testing.fake_server import FakeServer
from gatewayops.upstream.pool import Origin, Pool
from gatewayops.upstream.settings import UpstreamSettings


def seen(tool, *, size=10, known="h"):
    return Seen("org", "math", tool, b"x" * size, known)


class Moment:
    """A clock that stands still until it is set."""

    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
async def control():
    statuses: list[int] = []

    async def script(turn):
        await turn.answer(status=statuses.pop(0) if statuses else 204)

    async with FakeServer(script=script) as server:
        server.statuses = statuses
        yield server


@pytest.fixture
async def sightings(control):
    pool = Pool(Origin.of(control.url), UpstreamSettings(), connect_timeout_s=2.0, allows_private=True)
    made = Sightings(pool, internal_token="secret", clock=Moment())
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    pool.close()


def told(request):
    return [one.tool for one in msgspec.msgpack.decode(request.body, type=list[Seen])]


async def test_what_was_seen_is_told_once(control, sightings):
    sightings.add([seen("a"), seen("b")])
    sightings.add([seen("a")])
    await sightings.settled()
    sightings.add([seen("a")])
    request = control.last
    assert (request.target, request.header("x-gatewayops-internal")) == ("/internal/tools/seen", "secret")
    assert told(request) == ["a", "b"]
    assert not sightings._waiting


async def test_the_same_is_told_again_after_a_minute(control, sightings):
    sightings.add([seen("a")])
    await sightings.settled()
    sightings._clock.now_s += 61
    sightings.add([seen("a")])
    await control.received(2)


async def test_nothing_is_lost_while_control_is_away(control, sightings, monkeypatch):
    monkeypatch.setattr("gatewayops.policy.pins.sightings._RETRY_S", (0.001,))
    control.statuses += [503, 503]
    sightings.add([seen("a")])
    await sightings.settled()
    assert [told(request) for request in control.requests] == [["a"]] * 3


async def test_a_batch_that_control_cannot_read_is_let_go(control, sightings):
    control.statuses.append(400)
    sightings.add([seen("a")])
    await sightings.settled()
    sightings.add([seen("b")])
    await sightings.settled()
    assert told(control.last) == ["b"]


async def test_batches_stay_below_what_control_takes(control, sightings):
    sightings.add([seen(f"t{number}", size=200 << 10) for number in range(6)])
    await sightings.settled()
    assert max(len(request.body) for request in control.requests) < 600 << 10
    assert sum(len(told(request)) for request in control.requests) == 6


async def test_the_queue_is_bounded(control, sightings):
    sightings.add([seen(f"t{number}") for number in range(1500)])
    assert len(sightings._waiting) == 1000
    assert sightings.dropped == 500
