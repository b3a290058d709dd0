"""What a gateway knows of its budgets after a start, a crash, or without control."""

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime

import msgspec
import pytest

from gatewayops.base.errors import Unavailable
from gatewayops.cost.budget import span_at_s
from gatewayops.cost.budgets import totals
from gatewayops.cost.budgets.accounts import Budgets, reserve, settle
from gatewayops.cost.budgets.follow import LedgerFollower, LedgerSource
from gatewayops.cost.budgets.settings import BudgetSettings
from gatewayops.cost.budgets.totals import LedgerState, Total
from gatewayops.identity.principal import Principal
from gatewayops.record import spool
from gatewayops.record.call_record import CallRecord
from gatewayops.record.spool import SpoolWriter
from gatewayops.store.snapshot import BudgetRow, Snapshot

CALLER = Principal("org", "key_1")
DAY = BudgetRow("b_day", "org", "day", "key", "key_1", "day", 1_000)
MONTH = BudgetRow("b_month", "org", "month", "organization", "org", "month", 10_000)
SNAPSHOT = Snapshot(1, 0.0)
_TYPES = CallRecord.__annotations__


def start(row):
    return span_at_s(row.period, time.time()).start.isoformat()


def record(cost_micros, *, ts_ns=None, **fields):
    empty = {name: kind() for name, kind in _TYPES.items()}
    given = {"ts_ns": ts_ns or time.time_ns(), "org_id": "org", "key_id": "key_1", "cost_micros": cost_micros}
    return msgspec.msgpack.encode(CallRecord(**empty | given | fields))


class Control:
    """What control says; `state` None: it is away."""

    def __init__(self):
        self.state = LedgerState()
        self.before_answering = lambda: None

    def says(self, *, day=0, month=0, positions=None):
        spent = (Total("b_day", start(DAY), day), Total("b_month", start(MONTH), month))
        self.state = LedgerState(spent, positions or {})

    async def fetch(self):
        self.before_answering()
        if self.state is None:
            raise Unavailable("control is away")
        return totals.encode(self.state)


@pytest.fixture
def control():
    return Control()


@pytest.fixture
def source(control, tmp_path):
    return LedgerSource(
        fetch=control.fetch, spool=tmp_path / "spool", checkpoint=tmp_path / "budgets.msgpack"
    )


@pytest.fixture
def writer(tmp_path):
    opened = SpoolWriter(tmp_path / "spool", segment_bytes=1 << 10)
    yield opened
    opened.close()


async def started(source, *rows):
    """The accounts of a gateway that starts now."""
    budgets = Budgets(BudgetSettings())
    budgets.replace(rows or (DAY, MONTH), SNAPSHOT)
    await LedgerFollower(budgets, source, BudgetSettings()).load()
    return budgets


def spent(budgets):
    return [account.spent_micros if account.is_known else None for account in budgets.all]


async def test_it_is_the_ledger_and_what_the_spool_holds_beyond(control, source, writer, tmp_path):
    writer.append(record(1), record(2))
    [segment] = spool.segments(tmp_path / "spool")
    control.says(day=100, month=500, positions={spool.name_of(segment): segment.stat().st_size})
    writer.append(record(30), record(40, key_id="key_2"), record(50, org_id="other"), b"\xc1")
    long_ago = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * 10**9
    writer.append(*(record(7, ts_ns=long_ago) for _ in range(20)))

    assert spent(await started(source)) == [130, 570]


async def test_a_crash_leaves_no_phantom_reservation(control, source, tmp_path):
    """A real process reserves for two calls, settles one with its record, and is killed."""
    control.says()
    crashing = [sys.executable, "-c", CRASHING, str(tmp_path / "spool")]
    done = await asyncio.to_thread(subprocess.run, crashing, check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr

    budgets = await started(source)
    accounts = budgets.accounts(CALLER)

    assert spent(budgets) == [300, 300]
    assert [account.reserved_micros for account in accounts] == [0, 0]
    assert reserve(accounts, 700, time.time()) is None


CRASHING = """
import os, pathlib, signal, sys, time
import msgspec
from gatewayops.cost.budgets.accounts import Account, reserve, settle
from gatewayops.record.call_record import CallRecord
from gatewayops.record.spool import SpoolWriter
from gatewayops.store.snapshot import BudgetRow

account = Account(BudgetRow("b_day", "org", "day", "key", "key_1", "day", 1000), time.time(), closes_at_s=0)
account.learn(0, time.time())
assert reserve((account,), 400, time.time()) is None
assert reserve((account,), 400, time.time()) is None
empty = {name: kind() for name, kind in CallRecord.__annotations__.items()}
given = {"ts_ns": time.time_ns(), "org_id": "org", "key_id": "key_1", "cost_micros": 300}
SpoolWriter(pathlib.Path(sys.argv[1])).append(msgspec.msgpack.encode(CallRecord(**empty | given)))
settle((account,), 400, 300)
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_without_control_the_last_totals_and_the_spool_are_known(control, source, writer):
    control.says(day=5, month=6)
    await started(source)
    control.state = None
    writer.append(record(70))

    assert spent(await started(source)) == [75, 76]


async def test_without_control_and_totals_nothing_is_known(control, source):
    control.state = None

    assert spent(await started(source)) == [None, None]
    source.checkpoint.write_bytes(b"garbage")
    assert spent(await started(source)) == [None, None]


async def test_a_period_that_the_totals_do_not_speak_of_stays_unknown(control, source):
    control.state = LedgerState((Total("b_day", "2020-01-01", 5), Total("b_month", start(MONTH), 6)))

    assert spent(await started(source)) == [None, 6]


async def test_totals_are_asked_again_when_a_segment_went_while_they_were_read(
    control, source, writer, tmp_path
):
    writer.append(*(record(1) for _ in range(20)))
    sealed, *_ = spool.segments(tmp_path / "spool")
    control.says(day=0)

    def ledger_moves_on():
        control.before_answering = lambda: control.says(day=in_sealed, month=in_sealed)
        spool.remove(sealed)

    in_sealed = len(spool.read_frames(sealed, 0, limit=1_000)[0])
    control.before_answering = ledger_moves_on

    assert spent(await started(source)) == [20, 20]


async def test_running_accounts_follow_the_ledger_and_keep_reservations(control, source, writer):
    control.says()
    budgets = await started(source)
    accounts = budgets.accounts(CALLER)
    assert reserve(accounts, 100, time.time()) is None
    settle(accounts, 0, 30)
    writer.append(record(30))
    control.says(day=400, month=400)  # somebody else's

    await LedgerFollower(budgets, source, BudgetSettings()).load()

    assert [(account.spent_micros, account.reserved_micros) for account in accounts] == [
        (430, 100),
        (430, 100),
    ]


async def test_without_budgets_nobody_is_asked(control, source):
    control.before_answering = lambda: pytest.fail("asked")
    budgets = Budgets(BudgetSettings())

    await LedgerFollower(budgets, source, BudgetSettings()).load()
