"""Spans become a tree with its critical path, whatever their parents and clocks say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.query.timed_span import TimedSpan
from gatewayops.query.waterfall import waterfall


def a_span(span_id, parent="", start=0, end=100, *, by=""):
    return TimedSpan(span_id, parent, start, end - start, is_foreign=bool(by), source=by)


def places(*spans):
    return {span.span_id: place for span, place in zip(spans, waterfall(spans), strict=True)}


def critical(*spans):
    return "".join(sorted(name for name, place in places(*spans).items() if place.is_on_critical_path))


def test_children_stand_behind_their_parent_by_start():
    found = places(
        a_span("a"), a_span("z", start=200, end=300), a_span("late", "a", 50, 60), a_span("b", "a", 10, 40),
        a_span("c", "b", 20, 30),
    )  # fmt: skip

    drawn = sorted(found, key=lambda name: found[name].row)
    assert [(name, found[name].depth) for name in drawn] == [
        ("a", 0), ("b", 1), ("c", 2), ("late", 1), ("z", 0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spans", "tops"),
    [
        pytest.param([a_span("a", "gone")], "a", id="the parent is not there"),
        pytest.param([a_span("a", "a")], "a", id="a parent of itself"),
        pytest.param([a_span("b", "a", 5), a_span("a", "b", 1), a_span("c", "b", 9)], "a", id="a circle"),
        pytest.param([a_span("c", "b", 0), a_span("b", "a", 5), a_span("a", "b", 3)], "a", id="above it"),
    ],
)
def test_a_span_without_a_parent_to_stand_below_is_at_the_top(spans, tops):
    assert "".join(name for name, place in places(*spans).items() if place.depth == 0) == tops


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 99), st.booleans())))
def test_every_span_is_drawn_once(drawn):
    spans = [
        TimedSpan(str(name), str(parent), start, start % 17, is_foreign=is_foreign)
        for name, parent, start, is_foreign in drawn
    ]

    found = waterfall(spans)

    assert sorted(place.row for place in found) == list(range(len(spans)))
    assert any(place.is_on_critical_path for place in found) == bool(spans)


@pytest.mark.parametrize(
    ("spans", "path"),
    [
        pytest.param([a_span("a"), a_span("b", "a", 0, 90), a_span("c", "a", 0, 40)], "ab", id="parallel"),
        pytest.param([a_span("a"), a_span("b", "a", 0, 40), a_span("c", "a", 40, 90)], "abc", id="in a row"),
        pytest.param([a_span("a"), a_span("b", "a", 0, 50), a_span("c", "a", 40, 90)], "ac", id="overlap"),
        pytest.param([a_span("a"), a_span("b", "a", 5, 90), a_span("c", "b", 6, 80)], "abc", id="deep"),
        pytest.param([a_span("a"), a_span("b", "a", 0, 140)], "a", id="a child that outlasts its parent"),
        pytest.param([a_span("a", "", 0, 10), a_span("b", "", 20, 90)], "ab", id="no common parent"),
    ],
)
def test_the_critical_path(spans, path):
    assert critical(*spans) == path


def test_a_span_of_another_clock_is_moved_into_its_parent_and_takes_its_own_along():
    found = places(
        a_span("call"),
        a_span("server", "call", 10_000, 10_060, by="s"),
        a_span("db", "server", 10_010, 10_020, by="s"),
    )

    assert found["server"].shift_ns == 20 - 10_000
    assert found["db"].shift_ns == found["server"].shift_ns
    assert found["call"].shift_ns == 0


def test_a_span_of_another_clock_that_fits_stays_where_it_says():
    assert places(a_span("call"), a_span("s", "call", 30, 60, by="s"))["s"].shift_ns == 0


def test_a_span_longer_than_its_parent_begins_with_it():
    assert places(a_span("call"), a_span("s", "call", 500, 700, by="s"))["s"].shift_ns == -500


def test_a_chain_of_ten_thousand_is_drawn():
    chain = [a_span(str(n), str(n - 1), n, 20_000) for n in range(10_000)]

    assert [place.depth for place in waterfall(chain)] == list(range(10_000))
