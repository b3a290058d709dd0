"""Where a call hangs in its caller's trace: W3C traceparent, and a client's own names for traces."""

import pytest

from gatewayops.protocol.trace_context import open_span

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"00-{TRACE}-{SPAN}-01", id="sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-00", id="not sampled"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01-what-the-future-adds", id="a later version"),
    ],
)
def test_a_parent_that_parses_is_ours(text):
    span = open_span(meta_parent="", named_trace="", header_parent=text)

    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert span.traceparent() == f"00-{TRACE}-{span.span_id}-01"
    assert len(span.span_id) == 16
    assert span.span_id != SPAN


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"00-{TRACE}-{SPAN}", id="no flags"),
        pytest.param(f"00-{TRACE.upper()}-{SPAN}-01", id="capitals"),
        pytest.param(f"00-{'0' * 32}-{SPAN}-01", id="trace of zeros"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="span of zeros"),
        pytest.param(f"ff-{TRACE}-{SPAN}-01", id="forbidden version"),
        pytest.param(f"00-{TRACE[:-1]}g-{SPAN}-01", id="no hex"),
        pytest.param(f"00_{TRACE}_{SPAN}_01", id="other dashes"),
        pytest.param(f"00-{TRACE}-{SPAN}-0", id="half a flag"),
        pytest.param(f"00-{TRACE}-{SPAN}-01-extra", id="version 00 has four parts"),
        pytest.param(f"zz-{TRACE}-{SPAN}-01", id="a version that is no hex"),
        pytest.param(f"00-{TRACE}-{SPAN}-zz", id="flags that are no hex"),
    ],
)
def test_what_does_not_parse_counts_as_absent(text):
    span = open_span(meta_parent=text, named_trace="", header_parent=text)

    assert span.parent_id == ""
    assert span.trace_id != TRACE
    assert len(span.trace_id) == 32


@pytest.mark.parametrize(
    ("named", "trace_id"),
    [(TRACE, TRACE), (f"tr_{TRACE}", TRACE), (TRACE.upper(), TRACE), (f" {TRACE} ", TRACE)],
)
def test_a_trace_may_be_named_by_its_id(named, trace_id):
    assert open_span(meta_parent="", named_trace=named, header_parent="").trace_id == trace_id


def test_any_other_name_gathers_its_calls():
    first = open_span(meta_parent="", named_trace="nightly-run-7", header_parent="")
    second = open_span(meta_parent="", named_trace="nightly-run-7", header_parent="")

    assert first.trace_id == second.trace_id
    assert first.span_id != second.span_id
    assert len(first.trace_id) == 32


def test_without_any_parent_each_call_is_a_trace_of_its_own():
    spans = [open_span(meta_parent="", named_trace="", header_parent="") for _ in range(50)]

    assert len({span.trace_id for span in spans}) == 50
    assert {span.parent_id for span in spans} == {""}
