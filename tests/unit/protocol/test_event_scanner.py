"""Server-sent events, watched as they pass: however they are cut into chunks, the same events are seen."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.protocol.sse import EventScanner

STREAM = (
    b": comment\n\n"
    b'event: message\ndata: {"a":1}\n\n'
    b'id: 1\r\ndata: {"b":\r\ndata:  2}\r\n\r\n'
    b"data:no space\rid: 2\r\r"
    b"retry: 10\n\n"
    b"data\ndata:\n\n"
    b"data: \xc3\xa9\xe2\x80\xa8x\n\n"
)
SEEN = [b'{"a":1}', b'{"b":\n 2}', b"no space", "é\u2028x".encode()]


def cut(raw, places):
    edges = [0, *sorted(places), len(raw)]
    return [raw[begin:end] for begin, end in pairwise(edges)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_chunking_changes_nothing(places):
    scanner = EventScanner(1000)
    seen = [data for chunk in cut(STREAM, places) for data in scanner.feed(chunk)]

    assert seen == SEEN
    assert scanner.is_between_events


def test_byte_by_byte_is_no_other():
    scanner = EventScanner(1000)
    assert [data for at in range(len(STREAM)) for data in scanner.feed(STREAM[at : at + 1])] == SEEN


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"data: x"]), max_size=12), st.data())
def test_any_mixture_of_line_ends_is_seen_alike_whole_and_in_pieces(parts, data):
    raw = b"".join(parts) + b"\n\ndata: end\n\n"
    places = data.draw(st.lists(st.integers(0, len(raw)), max_size=6))
    whole, pieces = EventScanner(1000), EventScanner(1000)

    expected = whole.feed(raw)
    assert [found for chunk in cut(raw, places) for found in pieces.feed(chunk)] == expected
    assert expected[-1] == b"end"


@pytest.mark.parametrize(
    ("fed", "is_between"),
    [
        (b"", True),
        (b"data: x\n\n", True),
        (b"data: x\n", False),
        (b"data: x\n\nd", False),
        (b": c\n\n", True),
    ],
)
def test_a_comment_fits_only_between_events(fed, is_between):
    scanner = EventScanner(1000)
    scanner.feed(fed)

    assert scanner.is_between_events is is_between


@given(st.lists(st.integers(0, 400), max_size=10))
def test_an_event_over_the_limit_is_passed_over_and_the_next_one_seen(places):
    raw = b"data: " + b"x" * 300 + b"\n\ndata: next\n\n"
    scanner = EventScanner(100)
    seen = []
    for chunk in cut(raw, [min(place, len(raw)) for place in places] + list(range(0, len(raw), 50))):
        seen += scanner.feed(chunk)
        assert len(scanner._rest) <= 100

    assert seen == [b"next"]
    assert scanner.is_between_events
