"""Attributes read from their bytes are what protobuf's own objects say, whatever a sender made of them."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from gatewayops.record.otlp.raw_attributes import RawAttributes, RawTracesRequest
from gatewayops.record.otlp.values import MOST_ATTRIBUTES, proto_attributes

TEXTS = st.text(max_size=300)
SCALARS = st.one_of(
    st.builds(AnyValue, string_value=TEXTS),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats()),
    st.builds(AnyValue, bytes_value=st.binary(max_size=200)),
    st.just(AnyValue()),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3).map(lambda values: AnyValue(array_value={"values": values})),
    st.dictionaries(TEXTS, SCALARS, max_size=3).map(
        lambda pairs: AnyValue(kvlist_value={"values": [KeyValue(key=k, value=v) for k, v in pairs.items()]})
    ),
)
NAMES = st.one_of(st.sampled_from(["a", "b", ""]), TEXTS)
PAIRS = st.lists(st.builds(KeyValue, key=NAMES, value=st.one_of(st.none(), VALUES)), max_size=8)


def both(*spans):
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add().scope_spans.add()
    for pairs in spans:
        scoped.spans.add(attributes=pairs)
    raw = RawTracesRequest.FromString(request.SerializeToString())
    return (
        list(RawAttributes().of_spans(raw.resource_spans[0].scope_spans[0].spans)),
        [proto_attributes(span.attributes) for span in scoped.spans],
    )


@given(PAIRS, PAIRS)
def test_they_are_read_as_by_protobuf(first, second):
    read, expected = both(first, second, first)

    assert read == expected


def test_the_first_ones_count_and_the_last_of_a_name():
    pairs = [KeyValue(key=f"a{number}", value={"int_value": number}) for number in range(MOST_ATTRIBUTES)]
    doubled = [KeyValue(key="a0", value={"string_value": "last"}), *pairs[1:]]

    [many, twice], expected = both([*pairs, KeyValue(key="late")], [pairs[0], *doubled[:5]])

    assert [many, twice] == expected
    assert ("late" in many, twice["a0"]) == (False, "last")


def test_a_request_of_many_different_ones_is_read_to_its_end():
    spans = [
        [KeyValue(key="id", value={"string_value": f"{number}-{at}"}) for at in range(3)]
        for number in range(3_000)
    ]

    read, expected = both(*spans)

    assert read == expected


def test_what_follows_the_attributes_is_read_too():
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="n", kind="SPAN_KIND_CLIENT")
    span.events.add(name="e").attributes.add(key="k").value.string_value = "v"
    span.status.message = "no"

    [raw] = RawTracesRequest.FromString(request.SerializeToString()).resource_spans[0].scope_spans[0].spans

    assert (raw.name, raw.kind, raw.status.message) == ("n", 3, "no")
    assert proto_attributes(raw.events[0].attributes) == {"k": "v"}
