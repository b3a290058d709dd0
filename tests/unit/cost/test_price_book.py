"""Which price rule holds for a call, and what it amounts to in whole micro-dollars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.cost.prices import FREE, Price, PriceBook, estimated_tokens
from gatewayops.store.snapshot import PriceRow

RULES = {("files", "read"): 1, ("files", ""): 2, ("", "read"): 3, ("", ""): 4}


def book(*wanted):
    rows = [PriceRow("org", server, tool, RULES[server, tool], 0, 0) for server, tool in wanted]
    return PriceBook(tuple(rows))


@pytest.mark.parametrize(
    ("server", "tool", "micros"),
    [("files", "read", 1), ("files", "write", 2), ("mail", "read", 3), ("mail", "write", 4)],
)
def test_the_narrowest_rule_wins(server, tool, micros):
    assert book(*RULES).price("org", server, tool).per_call_micros == micros


def test_a_rule_for_the_server_is_narrower_than_one_for_the_tool():
    assert book(("files", ""), ("", "read")).price("org", "files", "read").per_call_micros == 2


def test_without_a_rule_or_in_another_organisation_a_call_is_free():
    assert PriceBook().price("org", "files", "read") is FREE
    assert book(*RULES).price("another", "files", "read") is FREE


def test_asking_again_gives_the_same():
    prices = book(*RULES)
    assert prices.price("org", "files", "read") is prices.price("org", "files", "read")


@pytest.mark.parametrize(
    ("price", "tokens", "micros"),
    [
        pytest.param(Price(1000), (10, 10), 1000, id="by the call"),
        pytest.param(Price(0, 10_000_000, 30_000_000), (100, 10), 1300, id="by the token"),
        pytest.param(Price(5, 500_000, 0), (1, 0), 6, id="half a micro-dollar goes up"),
        pytest.param(Price(5, 499_999, 0), (1, 0), 5, id="less than half goes down"),
        pytest.param(Price(0, 1, 1), (0, 0), 0, id="nothing for nothing"),
        pytest.param(Price(0, 250_000, 250_000), (1, 1), 1, id="fractions add up before they are rounded"),
    ],
)
def test_costs_are_whole_micro_dollars(price, tokens, micros):
    assert price.of(*tokens) == micros


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**12), st.integers(0, 10**12))
def test_rounding_is_never_off_by_more_than_half_a_micro_dollar(taken, given_, per_in, per_out):
    exact_by_million = taken * per_in + given_ * per_out
    assert abs(Price(0, per_in, per_out).of(taken, given_) * 1_000_000 - exact_by_million) <= 500_000


@pytest.mark.parametrize(("size", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_four_bytes_are_estimated_as_a_token(size, tokens):
    assert estimated_tokens(size) == tokens
