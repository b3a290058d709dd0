"""Two runs are set side by side step by step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.query.run_comparison import align
from gatewayops.query.run_rows import Step


def a_step(tool, status="success"):
    return Step("", "", 0, 1, "mcp.tools.call", "demo", tool, "", status, "", 0, 0, 0)


def aligned(a, b):
    pairs = align([a_step(tool) for tool in a], [a_step(tool) for tool in b])
    return " ".join((pair.a.tool if pair.a else "-") + (pair.b.tool if pair.b else "-") for pair in pairs)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param("abc", "abc", "aa bb cc", id="the same"),
        pytest.param("abc", "abxc", "aa bb -x cc", id="a step more"),
        pytest.param("abbc", "abc", "aa bb b- cc", id="a retry less"),
        pytest.param("ab", "cd", "a- b- -c -d", id="nothing alike"),
        pytest.param("", "a", "-a", id="one is empty"),
        pytest.param("", "", "", id="both are"),
    ],
)
def test_steps_that_called_the_same_are_paired(a, b, expected):
    assert aligned(a, b) == expected


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_every_step_of_both_stands_once_and_in_order(a, b):
    pairs = align([a_step(tool) for tool in a], [a_step(tool) for tool in b])

    assert "".join(pair.a.tool for pair in pairs if pair.a) == a
    assert "".join(pair.b.tool for pair in pairs if pair.b) == b
    assert all(pair.a.tool == pair.b.tool for pair in pairs if pair.a and pair.b)


def test_what_ended_differently_is_said():
    [pair] = align([a_step("x")], [a_step("x", "timeout")])

    assert pair.change == "status"
