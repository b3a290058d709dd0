"""Journeys of many steps: their tools are told apart in numbers of every width."""

import pytest

from gatewayops.query import behaviour
from gatewayops.query.analytics import Asked
from gatewayops.record.rows import columns_of

from .conftest import NOON_NS

DAY_NS = 86_400 * 10**9
LATER_NS = NOON_NS + 10 * 3_600 * 10**9
NAMES = ["demo/i", "demo/b", "demo/a", "demo/h", "demo/b", "demo/c", "demo/g", "demo/d", "demo/e"]


@pytest.mark.parametrize("length", [2, 3, 4, 6, 7, 8])
async def test_a_journey_of_any_length_is_what_was_called_in_a_session(telemetry, record, length):
    """What began in the same nanosecond is in the order of ids; what is no call of a tool leaves no gap."""
    calls = [record(tool=name.removeprefix("demo/"), user_id="ada") for name in NAMES]
    again = [record(ts_ns=LATER_NS, span_id=f"{n:016x}", tool="a", user_id="ada") for n in range(length)]
    asides = [record(method="tools/list", tool="", user_id="ada"), record(user_id="bob", ts_ns=LATER_NS)]
    rows = [*calls, *asides, *reversed([*again[:-1], record(**fields_of(again[-1], tool="z"))])]
    await telemetry.insert_spans(columns_of(rows, batch="b"), "b")
    day = NOON_NS // DAY_NS * DAY_NS

    found = await behaviour.journeys(telemetry, Asked("org_a", day, day + DAY_NS), length=length, limit=50)

    expected = [tuple(NAMES[at : at + length]) for at in range(len(NAMES) - length + 1)]
    expected.append(("demo/a",) * (length - 1) + ("demo/z",))
    assert [one.steps for one in found] == sorted(expected)
    assert {(one.times, one.sessions, one.users) for one in found} == {(1, 1, 1)}


def fields_of(call, **changes):
    kept = ("ts_ns", "span_id", "user_id")
    return {name: getattr(call, name) for name in kept} | changes
