"""How many calls a window lets through: tables for what people expect, and the bounds for any sequence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.base.errors import InvalidInput
from gatewayops.policy.limits.buckets import Bucket, take
from gatewayops.policy.limits.rate import NO_LIMIT, Rate, rate_of, window_name
from gatewayops.policy.limits.window import SECOND_NS, Window
from gatewayops.store.snapshot import LimitRow

MS = 1_000_000
START = 7 * SECOND_NS


def bucket_of(rate: Rate) -> Bucket:
    return Bucket(LimitRow("org_default", "api_key", "key_1", rate.calls, rate.window_s, rate.burst))


def passed(rate: Rate, moments_ms: list[int]) -> list[int]:
    """Which of the calls at these moments pass."""
    bucket = bucket_of(rate)
    return [ms for ms in moments_ms if take((bucket,), START + ms * MS) is None]


@pytest.mark.parametrize(
    ("rate", "moments_ms", "expected"),
    [
        pytest.param(Rate(5, 60), [0] * 7, [0] * 5, id="all of it may come at once"),
        pytest.param(
            Rate(2, 1), [0, 999, 999, 1000, 1000], [0, 999, 1000], id="each comes back after a window"
        ),
        pytest.param(
            Rate(1, 1), [0, 1000, 2000, 3000], [0, 1000, 2000, 3000], id="an even pace is never refused"
        ),
        pytest.param(Rate(2, 1, 3), [0] * 6, [0] * 5, id="a burst comes on top"),
        pytest.param(
            Rate(2, 1, 3),
            [0] * 5 + [1000] * 5,
            [0] * 5 + [1000] * 2,
            id="a burst is not there again a window later",
        ),
        pytest.param(Rate(2, 1, 3), [0] * 5 + [2500] * 6, [0] * 5 + [2500] * 5, id="a burst is earned back"),
    ],
)
def test_calls_that_pass(rate: Rate, moments_ms: list[int], expected: list[int]) -> None:
    assert passed(rate, moments_ms) == expected


RATES = st.builds(
    Rate,
    calls=st.one_of(st.integers(1, 5), st.integers(90, 300)),
    window_s=st.sampled_from([1, 60]),
    burst=st.sampled_from([0, 0, 1, 7, 40]),
)


@given(RATES, st.lists(st.tuples(st.integers(0, 700), st.integers(1, 60)), max_size=60))
def test_no_window_ever_has_more_than_limit_and_burst(rate: Rate, steps: list[tuple[int, int]]) -> None:
    bucket, now_ns, moments = bucket_of(rate), START, []
    for thousandths, calls in steps:  # of the window that pass, then calls at once
        now_ns += thousandths * rate.window_s * MS
        moments += [now_ns for _ in range(calls) if take((bucket,), now_ns) is None]
    window_ns = rate.window_s * SECOND_NS
    for number, first in enumerate(moments):
        within = sum(1 for moment in moments[number:] if moment < first + window_ns)
        assert within <= rate.calls + rate.burst


@given(RATES)
def test_a_flood_gets_nearly_the_whole_limit(rate: Rate) -> None:
    bucket, windows = bucket_of(rate), 5
    count = sum(
        take((bucket,), START + step * rate.window_s * MS) is None
        for step in range(windows * 1000)
        for _ in range(1 + 2 * (rate.calls + rate.burst) // 1000)
    )
    most = windows * rate.calls + (
        rate.calls + rate.burst if rate.burst else 0
    )  # what a burst had to begin with
    assert 0.98 * (windows - 1) * rate.calls <= count <= most  # the grain costs 1%


@given(RATES, st.lists(st.tuples(st.integers(0, 300), st.integers(0, 90)), max_size=30))
def test_the_moment_that_is_named_is_the_first_at_which_a_call_passes(
    rate: Rate, steps: list[tuple[int, int]]
) -> None:
    window, now_ns = Window(rate), START
    for thousandths, wanted in steps:
        now_ns += thousandths * rate.window_s * MS
        window.count(min(wanted, window.free(now_ns)), now_ns)
    frees_at = window.frees_at(now_ns)
    assert frees_at == now_ns or not window.free(frees_at - 1)
    assert window.free(frees_at) > 0


def test_an_hour_of_calls_is_kept_in_about_a_hundred_numbers() -> None:
    bucket = bucket_of(Rate(1_000_000, 3600))
    for second in range(3600):
        for _ in range(20):
            take((bucket,), START + second * SECOND_NS)
    assert len(bucket._window._counted) <= 101


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5/s", Rate(5, 1)),
        ("100/m", Rate(100, 60)),
        ("100/1m", Rate(100, 60)),
        (" 7/h ", Rate(7, 3600)),
        ("none", NO_LIMIT),
        ("0", NO_LIMIT),
    ],
)
def test_rates_as_people_write_them(text: str, rate: Rate) -> None:
    assert rate_of(text) == rate


@pytest.mark.parametrize(
    "text", ["", "5", "5/d", "0/s", "-1/s", "5/2m", "5 per s", "9999999999/s", "\u0665/s", "5/m\n5"]
)
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput, match="100/m"):
        rate_of(text)


def test_windows_are_shown_as_they_are_written() -> None:
    assert [window_name(length) for length in (1, 60, 3600, 5)] == ["1s", "1m", "1h", "5s"]
