"""How often a password may be tried, by the clock."""

import pytest

from gatewayops.identity import sign_in_limits
from gatewayops.identity.sign_in_limits import (
    ACCOUNT,
    ADDRESS,
    PAIR,
    SignInLimits,
    TooManyAttempts,
    network_of,
)

HERE, THERE = "203.0.113.7", "198.51.100.1"


@pytest.fixture
def at(monkeypatch):
    """Sets the time."""

    def set_to(seconds):
        monkeypatch.setattr(sign_in_limits, "unix_s", lambda: 1_000_000.0 + seconds)

    set_to(0)
    return set_to


def tries(limits, count, account="ada", address=HERE):
    for _ in range(count):
        limits.begin(account, address)


def wait_of(limits, account="ada", address=HERE):
    with pytest.raises(TooManyAttempts) as refused:
        limits.begin(account, address)
    return int(dict(refused.value.headers)["Retry-After"])


def test_each_further_attempt_waits_twice_as_long_up_to_a_minute(at):
    limits, now, waits = SignInLimits(), 0, []
    tries(limits, PAIR.free)
    for _ in range(9):
        waits.append(wait_of(limits))
        now += waits[-1]
        at(now)
        limits.begin("ada", HERE)
    assert waits == [2, 3, 5, 9, 17, 33, 61, 61, 61]


def test_asking_too_early_makes_the_wait_no_longer(at):
    limits = SignInLimits()
    tries(limits, PAIR.free)
    for _ in range(100):
        wait_of(limits)
    at(1.1)
    limits.begin("ada", HERE)


def test_who_knows_the_password_starts_anew(at):
    limits = SignInLimits()
    tries(limits, PAIR.free)
    limits.succeeded("ada", HERE)
    tries(limits, PAIR.free)


def test_an_account_tried_from_many_addresses_waits_half_a_minute_at_most(at):
    limits = SignInLimits()
    for number in range(ACCOUNT.free):
        limits.begin("ada", f"198.51.100.{number}")
    assert wait_of(limits) == 2
    limits.begin("bob", HERE)
    for number in range(20):
        at(31 * (number + 1))
        limits.begin("Ada", f"192.0.2.{number}")
    assert wait_of(limits) == 31


def test_an_address_that_tries_many_accounts_waits_though_one_is_its_own(at):
    limits = SignInLimits()
    for number in range(ADDRESS.free):
        limits.begin("own", HERE)
        limits.succeeded("own", HERE)
        limits.begin(f"user{number}", HERE)
    assert wait_of(limits, "another") >= 2
    limits.begin("another", THERE)


def test_it_is_forgotten_after_a_quarter_of_an_hour(at):
    limits = SignInLimits()
    tries(limits, PAIR.free)
    at(901)
    tries(limits, PAIR.free)


def test_memory_is_bounded(at, monkeypatch):
    monkeypatch.setattr(sign_in_limits, "_MAX_REMEMBERED", 30)
    limits = SignInLimits()
    for number in range(200):
        limits.begin(f"user{number}", f"192.0.2.{number}")
    assert len(limits._counts) == 30


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_one_machine_is_one_address(address, network):
    assert network_of(address) == network
