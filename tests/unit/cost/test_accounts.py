"""Accounts: reserving before a call, settling after, and what a refusal says."""

import asyncio
import random
from datetime import UTC, datetime

import pytest

from gatewayops.base.errors import Reason
from gatewayops.cost.budgets.accounts import Account, Budgets, refusal, reserve, settle
from gatewayops.cost.budgets.settings import BudgetSettings
from gatewayops.identity.principal import Principal
from gatewayops.store.snapshot import BudgetRow, Snapshot, TeamRow

NOON = datetime(2025, 10, 9, 12, tzinfo=UTC).timestamp()
MIDNIGHT = datetime(2025, 10, 10, tzinfo=UTC).timestamp()
DOLLAR = 1_000_000
CENT = DOLLAR // 100
SNAPSHOT = Snapshot(
    1, NOON, teams=(TeamRow("top", "org"), TeamRow("below", "org", "top"), TeamRow("aside", "org", "top"))
)
CALLER = Principal("org", "key_1", user_id="ann", team_id="below", project_id="proj")


def row(name="b", *, scope="key", subject="key_1", period="day", amount=DOLLAR, **more):
    return BudgetRow(name, "org", name, scope, subject, period, amount, **more)


def known(account_row, spent=0):
    account = Account(account_row, NOON, closes_at_s=NOON)
    account.learn(spent, NOON)
    return account


@pytest.fixture
def budgets():
    return Budgets(BudgetSettings(), now_s=lambda: NOON)


async def test_200_callers_on_a_dollar_at_a_cent_pass_exactly_100_times():
    accounts = (known(row("key")), known(row("org", scope="organization", amount=50 * DOLLAR)))
    passed = 0

    async def call():
        nonlocal passed
        if reserve(accounts, CENT, NOON) is not None:
            return
        await asyncio.sleep(random.random() / 100)
        settle(accounts, CENT, CENT)
        passed += 1

    await asyncio.gather(*(call() for _ in range(200)))

    assert passed == 100
    assert [account.spent_micros for account in accounts] == [DOLLAR, DOLLAR]
    assert [account.reserved_micros for account in accounts] == [0, 0]


def test_what_one_account_refuses_is_reserved_in_none():
    rich, poor = known(row("rich")), known(row("poor"), spent=DOLLAR - 1)

    assert reserve((rich, poor), 2, NOON) is poor
    assert (rich.reserved_micros, poor.reserved_micros) == (0, 0)
    assert reserve((rich, poor), 1, NOON) is None


def test_when_all_is_spent_what_costs_nothing_is_refused_too():
    account = known(row(), spent=DOLLAR)

    assert reserve((account,), 0, NOON) is account


def test_a_call_that_costs_more_than_it_reserved_ends_all_further_ones():
    account = known(row(amount=10))
    assert reserve((account,), 10, NOON) is None
    settle((account,), 10, 25)

    assert reserve((account,), 1, NOON) is account
    assert account.spent_micros == 25


def test_a_new_period_begins_by_itself_and_keeps_what_is_under_way():
    account = known(row(), spent=DOLLAR)
    assert reserve((account,), CENT, MIDNIGHT - 0.001) is account
    assert reserve((account,), CENT, MIDNIGHT) is None

    assert (account.spent_micros, account.reserved_micros) == (0, CENT)
    assert account.period_end == MIDNIGHT + 86_400


def test_an_override_counts_until_it_ends():
    account = known(row(overrides=((CENT, NOON + 60), (5 * CENT, NOON - 1))), spent=DOLLAR)

    assert reserve((account,), CENT, NOON + 59) is None
    settle((account,), CENT, 0)
    assert reserve((account,), CENT, NOON + 60) is account


def test_marked_keys_go_on_within_the_grace(budgets):
    budgets.replace((row(grace_percent=10, grace_keys=("key_1",)),), SNAPSHOT)
    accounts = budgets.accounts(CALLER)
    accounts[0].learn(DOLLAR, NOON)

    assert budgets.is_grace(CALLER)
    assert not budgets.is_grace(Principal("org", "key_2"))
    assert reserve(accounts, CENT, NOON) is accounts[0]
    assert reserve(accounts, 10 * CENT, NOON, is_grace=True) is None
    assert reserve(accounts, 1, NOON, is_grace=True) is accounts[0]


def test_a_call_spends_from_key_user_project_its_teams_and_the_organisation(budgets):
    rows = (
        row("k"),
        row("u", scope="user", subject="ann"),
        row("p", scope="project", subject="proj"),
        row("t", scope="team", subject="below"),
        row("above", scope="team", subject="top"),
        row("o", scope="organization", subject="org"),
        row("week", period="week"),
        row("aside", scope="team", subject="aside"),
        row("other key", subject="key_2"),
        BudgetRow("foreign", "org_2", "foreign", "key", "key_1", "day", 1),
    )
    budgets.replace(rows, SNAPSHOT)

    assert {account.row.id for account in budgets.accounts(CALLER)} == {
        "k", "u", "p", "t", "above", "o", "week",
    }  # fmt: skip
    assert budgets.accounts(Principal("org_3", "key_1")) == ()


def test_teams_in_a_ring_end(budgets):
    ring = Snapshot(1, NOON, teams=(TeamRow("a", "org", "b"), TeamRow("b", "org", "a")))
    budgets.replace((row("t", scope="team", subject="a"),), ring)

    assert len(budgets.accounts(Principal("org", "k", team_id="b"))) == 1


def test_accounts_outlive_snapshots_with_what_they_know(budgets):
    budgets.replace((row(),), SNAPSHOT)
    (account,) = budgets.accounts(CALLER)
    account.learn(CENT, NOON)
    assert reserve((account,), CENT, NOON) is None

    budgets.replace((row(amount=2 * CENT), row("more")), SNAPSHOT)

    assert account in budgets.accounts(CALLER)
    assert (account.spent_micros, account.reserved_micros, account.limit_micros) == (CENT, CENT, 2 * CENT)
    assert reserve((account,), 1, NOON) is account


def test_another_period_is_another_account(budgets):
    budgets.replace((row(),), SNAPSHOT)
    (account,) = budgets.accounts(CALLER)
    budgets.replace((row(period="week"),), SNAPSHOT)

    assert budgets.accounts(CALLER) != (account,)


class TestBeforeTheSpendingIsKnown:
    def test_nothing_passes_at_the_start(self, budgets):
        budgets.replace((row(),), SNAPSHOT)
        accounts = budgets.accounts(CALLER)

        assert reserve(accounts, 1, NOON) is accounts[0]
        error = refusal(accounts[0], NOON)
        assert (error.status, error.reason) == (503, Reason.COUNTERS_UNAVAILABLE)

    def test_a_budget_new_to_a_running_gateway_lets_calls_pass_for_five_seconds(self, budgets):
        budgets.replace((), SNAPSHOT)
        budgets.replace((row(),), SNAPSHOT)
        accounts = budgets.accounts(CALLER)

        assert reserve(accounts, 1, NOON + 4.9) is None
        assert reserve(accounts, 1, NOON + 5) is accounts[0]

    def test_all_passes_where_the_settings_say_open(self):
        budgets = Budgets(BudgetSettings(when_counters_fail="open"), now_s=lambda: NOON)
        budgets.replace((row(),), SNAPSHOT)

        assert reserve(budgets.accounts(CALLER), 1, NOON + 1e6) is None

    def test_somebody_is_told(self, budgets):
        told = []
        budgets.on_unknown = lambda: told.append(True)
        budgets.replace((row(),), SNAPSHOT)
        budgets.all[0].learn(0, NOON)
        budgets.replace((row(),), SNAPSHOT)

        assert told == [True]


class TestWhatTheLedgerSays:
    def test_more_is_believed_at_once(self):
        account = known(row(), spent=5)
        account.learn(9, NOON)
        assert account.spent_micros == 9

    def test_less_is_believed_when_it_is_said_twice(self):
        account = known(row(), spent=9)
        account.learn(5, NOON)
        assert account.spent_micros == 9
        account.learn(5, NOON)
        assert account.spent_micros == 5

    def test_a_call_settled_and_not_yet_recorded_is_not_forgotten(self):
        account = known(row(), spent=10)
        settle((account,), 0, 4)
        account.learn(10, NOON)  # not recorded yet
        account.learn(14, NOON)
        settle((account,), 0, 3)
        account.learn(14, NOON)
        assert account.spent_micros == 17


def test_a_refusal_names_the_budget_and_its_reset():
    account = known(row("Ada's day", amount=CENT), spent=CENT)

    error = refusal(account, MIDNIGHT - 100)

    assert (error.status, error.code, error.reason) == (429, "budget_exceeded", Reason.BUDGET_SPENT)
    assert error.detail == 'the budget "Ada\'s day" ($0.01 a day) is spent; it resets at 2025-10-10T00:00:00Z'
    assert error.headers == (("Retry-After", "101"),)
    assert error.extra == {
        "budget": {"id": "Ada's day", "name": "Ada's day", "scope": "key"},
        "limit": 0.01,
        "spent": 0.01,
        "period": "day",
        "reset_at": "2025-10-10T00:00:00Z",
    }


def test_a_refusal_of_what_is_left_says_how_much():
    account = known(row(amount=CENT), spent=CENT - 1_200)

    assert "has $0.0012 left, less than this call may cost" in refusal(account, NOON).detail
