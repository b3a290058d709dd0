"""The log of requests over the real store: newest first, filtered, in pages that don't shift."""

from gatewayops.query import traces
from gatewayops.record.rows import columns_of
from gatewayops.store.telemetry.span_filter import SpanFilter

from .conftest import NOON_NS

SECOND_NS = 10**9
HOUR = SpanFilter(org_id="org_default", start_ns=NOON_NS, end_ns=NOON_NS + 3_600 * SECOND_NS)


async def pages(telemetry, wanted, *, limit):
    found, cursor = [], ""
    while True:
        page = await traces.list_requests(telemetry, wanted, limit=limit, cursor=cursor)
        found.append([span.fields["tool"] for span in page.spans])
        if page.cursor is None:
            return found
        cursor = page.cursor


async def test_requests_come_newest_first_in_pages_whatever_their_trace(telemetry, record):
    org = record().org_id
    spans = [record(ts_ns=NOON_NS + number // 2 * SECOND_NS, tool=f"t{number}") for number in range(5)]
    other = record(org_id="org_other", ts_ns=NOON_NS, tool="theirs")
    await telemetry.insert_spans(columns_of([*spans, other], batch="b"), "b")
    wanted = SpanFilter(org_id=org, start_ns=HOUR.start_ns, end_ns=HOUR.end_ns)
    found = await pages(telemetry, wanted, limit=2)
    assert [len(page) for page in found] == [2, 2, 1]
    tools = [tool for page in found for tool in page]
    assert tools[0] == "t4"
    assert set(tools[1:3]) == {"t2", "t3"}
    assert set(tools[3:]) == {"t0", "t1"}


async def test_requests_are_chosen_by_their_own_fields(telemetry, record):
    org = record().org_id
    spans = [
        record(ts_ns=NOON_NS, tool="a", status="error", key_id="key_1"),
        record(ts_ns=NOON_NS + 1, tool="b", status="success", key_id="key_1"),
        record(ts_ns=NOON_NS + 2, tool="c", status="error", key_id="key_2"),
    ]
    await telemetry.insert_spans(columns_of(spans, batch="b"), "b")
    for more, expected in (
        ({"statuses": ("error",)}, ["c", "a"]),
        ({"key_id": "key_1"}, ["b", "a"]),
        ({"tool": "b"}, ["b"]),
    ):
        wanted = SpanFilter(org_id=org, start_ns=HOUR.start_ns, end_ns=HOUR.end_ns, **more)
        assert await pages(telemetry, wanted, limit=10) == [expected]
