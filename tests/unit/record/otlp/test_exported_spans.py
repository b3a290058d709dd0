"""Exported spans become records: both forms, what is left out, what is masked, what is bounded."""

import time

import msgspec
import pytest

from gatewayops.base.errors import InvalidInput, TooLarge
from gatewayops.record.masking import Masker, masker_of
from gatewayops.record.otlp import signals, wire
from gatewayops.record.otlp.masked import LARGEST_MAP, LONGEST_VALUE
from gatewayops.record.otlp.sender import Sender, Window
from gatewayops.record.otlp.spans import SpanReader
from gatewayops.store.snapshot import MaskingRow, MaskingRule
from gatewayops.testing.exports import SPAN_ID, TRACE_ID, attributes, span_json, traces_json, traces_protobuf

WINDOW = Window.around(time.time_ns(), retention_days=30)
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def read(body, *, form=wire.JSON, masker=None, servers=("*",)):
    raw = msgspec.json.encode(body) if form == wire.JSON else body.SerializeToString()
    request = wire.request_of(signals.TRACES, raw, form)
    sender = Sender(org_id="org_a", key_id="key_a", team_id="red", servers=servers)
    reader = SpanReader(sender, WINDOW, masker or Masker(), is_json=form == wire.JSON, body_limit=1000)
    return reader.records(request), reader.refusals


def one(body, **how):
    [record], refusals = read(body, **how)
    assert refusals.count == 0
    return record


@pytest.mark.parametrize("form", [wire.JSON, wire.PROTOBUF])
def test_a_span_of_either_form_is_the_same_record(form):
    body = traces_json(span_json(parentSpanId="")) if form == wire.JSON else traces_protobuf()

    record = one(body, form=form)

    assert (record.trace_id, record.span_id, record.parent_span_id) == (TRACE_ID, SPAN_ID, "")
    sender = record.sender
    assert (sender.org_id, sender.key_id, sender.team_id) == ("org_a", "key_a", "red")
    assert (record.kind, record.status, record.duration_ns) == ("server", "success", 5_000_000)
    assert (record.texts.name, record.texts.method) == ("tools/call search", "tools/call")
    assert (record.source.service, record.source.scope) == ("crm", "mcp.server")


def test_json_takes_numbers_as_text_or_number_upper_case_hex_nulls_and_unknown_fields():
    now_ns = time.time_ns()
    given = span_json(
        traceId=TRACE_ID.upper(), startTimeUnixNano=now_ns, endTimeUnixNano=str(now_ns + 7),
        status=None, links=None, flags=1, somethingNew={"a": [1]},
        attributes=[
            {"key": "i", "value": {"intValue": "9007199254740993"}},
            {"key": "j", "value": {"intValue": -3}},
            {"key": "d", "value": {"doubleValue": "NaN"}},
            {"key": "b", "value": {"boolValue": False}},
            {"key": "raw", "value": {"bytesValue": "AAE_"}},
            {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"intValue": 1}]}}},
            {"key": "map", "value": {"kvlistValue": {"values": attributes({"k": "v"})}}},
            {"key": "none", "value": None},
        ],
    )  # fmt: skip

    record = one(traces_json(given))

    assert (record.trace_id, record.duration_ns) == (TRACE_ID, 7)
    assert record.texts.attributes == {
        "i": "9007199254740993", "j": "-3", "d": "nan", "b": "false", "raw": "AAE/", "list": '["x",1]',
        "map": '{"k":"v"}', "none": "",
    }  # fmt: skip


def test_protobuf_values_of_every_kind_are_texts():
    request = traces_protobuf()
    span = request.resource_spans[0].scope_spans[0].spans[0]
    del span.attributes[:]
    span.attributes.add(key="i").value.int_value = -3
    span.attributes.add(key="d").value.double_value = 0.5
    span.attributes.add(key="b").value.bool_value = True
    span.attributes.add(key="raw").value.bytes_value = b"\0\1"
    span.attributes.add(key="list").value.array_value.values.add().string_value = "x"
    span.attributes.add(key="map").value.kvlist_value.values.add(key="k").value.int_value = 1
    span.attributes.add(key="none")

    record = one(request, form=wire.PROTOBUF)

    assert record.texts.attributes == {
        "i": "-3", "d": "0.5", "b": "true", "raw": "AAE=", "list": '["x"]', "map": '{"k":1}', "none": ""
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"traceId": "00" * 16}, "trace id", id="a trace id of zeros"),
        pytest.param({"traceId": "ab"}, "trace id", id="a short trace id"),
        pytest.param({"spanId": "W47/97gDgQM="}, "span id", id="base64 instead of hex"),
        pytest.param({"spanId": None}, "span id", id="no span id"),
        pytest.param({"startTimeUnixNano": None}, "missing", id="no start"),
        pytest.param({"startTimeUnixNano": "soon"}, "number", id="a start that is no number"),
        pytest.param({"startTimeUnixNano": 2**64 - 1}, "ahead", id="the end of time"),
        pytest.param({"startTimeUnixNano": 10**18}, "before what is kept", id="older than the retention"),
        pytest.param({"attributes": [{"key": "n", "value": {"intValue": "x"}}]}, "number", id="a bad value"),
    ],
)  # fmt: skip
def test_a_bad_span_is_left_out_and_the_good_one_beside_it_kept(change, why):
    records, refusals = read(traces_json(span_json(**change), span_json(name="good")))

    assert [record.texts.name for record in records] == ["good"]
    assert refusals.count == 1
    assert why in refusals.message()


@pytest.mark.parametrize(
    ("error_type", "code", "expected"),
    [
        pytest.param("tool_error", 2, ("error", "tool_error"), id="isError"),
        pytest.param("TimeoutError", 2, ("timeout", ""), id="a timeout by its class"),
        pytest.param("deadline_exceeded", 2, ("timeout", ""), id="a timeout by its code"),
        pytest.param("budget_spent", 2, ("error", ""), id="a reason that is ours to give"),
        pytest.param("-32602", 2, ("error", ""), id="a JSON-RPC code"),
        pytest.param("", 1, ("success", ""), id="ok"),
        pytest.param("", 0, ("success", ""), id="unset"),
    ],
)
def test_the_status_of_a_span(error_type, code, expected):
    given = span_json(status={"code": code}, attributes=attributes({"error.type": error_type}))

    record = one(traces_json(given))

    assert (record.status, record.reason) == expected


def test_what_the_mcp_conventions_name_goes_where_the_gateways_own_calls_have_it():
    given = span_json(attributes=attributes({
        "mcp.method.name": "tools/call", "gen_ai.tool.name": "search", "mcp.session.id": "s-1",
        "mcp.protocol.version": "2025-11-25", "jsonrpc.request.id": "7", "rpc.response.status_code": "-32602",
        "gen_ai.tool.call.arguments": '{"q":"x"}', "gen_ai.usage.input_tokens": "12", "color": "red",
    }))  # fmt: skip

    record = one(traces_json(given))

    texts = record.texts
    assert (texts.method, texts.tool, texts.rpc_id) == ("tools/call", "search", "7")
    assert (texts.request_body, texts.protocol_version) == ('{"q":"x"}', "2025-11-25")
    assert (record.rpc_code, record.input_tokens) == (-32602, 12)
    assert texts.attributes == {"color": "red"}
    assert record.session
    assert b"s-1" not in msgspec.msgpack.encode(record)


def test_no_secret_of_a_sender_is_in_a_record_wherever_it_stood():
    given = span_json(
        name=f"call {TOKEN}",
        status={"code": 2, "message": f"refused {TOKEN}"},
        traceState=f"x={TOKEN}",
        attributes=attributes({
            "db.password": "hunter2-and-more", "note": f"key {TOKEN}", f"{TOKEN}": "as a name",
            "gen_ai.tool.call.arguments": '{"api_key": "hunter2-and-more"}', "gen_ai.tool.name": TOKEN,
        }),
        events=[{"timeUnixNano": "1", "name": f"e {TOKEN}", "attributes": attributes({"t": TOKEN})}],
        links=[{"traceId": TRACE_ID, "spanId": SPAN_ID, "attributes": attributes({"secret": "hunter2-2"})}],
    )  # fmt: skip
    resource = {"service.name": f"crm {TOKEN}", "env.SECRET": "hunter2-and-more", "host.name": "a"}

    record = one(traces_json(given, resource=resource))

    written = msgspec.msgpack.encode(record)
    assert TOKEN.encode() not in written
    assert b"hunter2" not in written
    assert record.source.resource["host.name"] == "a"
    assert len(record.texts.events) == len(record.texts.links) == 1


def test_the_organisations_own_rules_hold_for_exports():
    rules = (
        MaskingRule("staff", "regex", "EMP-[0-9]{6}"),
        MaskingRule("colour", "field", "favourite_colour"),
    )
    own = masker_of(MaskingRow("org_a", rules=rules))
    given = span_json(attributes=attributes({"who": "EMP-123456", "favourite_colour": "mauve"}))

    record = one(traces_json(given), masker=own)

    assert "EMP-123456" not in record.texts.attributes["who"]
    assert record.texts.attributes["favourite_colour"] != "mauve"


def test_numbers_of_tokens_are_no_secrets():
    record = one(traces_json(span_json(attributes=attributes({"gen_ai.usage.total_tokens": "1200"}))))

    assert record.texts.attributes == {"gen_ai.usage.total_tokens": "1200"}


def test_long_values_are_cut_after_masking_and_many_attributes_bounded():
    many = {f"a{number}": "v" * 10_000 for number in range(300)}
    given = span_json(attributes=attributes({"long": "x" * (LONGEST_VALUE - 5) + TOKEN} | many))

    record = one(traces_json(given))

    kept = record.texts.attributes
    assert len(kept["long"]) == LONGEST_VALUE
    assert "ghp_" not in kept["long"]
    assert sum(map(len, kept.values())) <= LARGEST_MAP


@pytest.mark.parametrize(
    ("servers", "named", "expected"),
    [
        pytest.param(("crm",), "", "crm", id="the key's only server"),
        pytest.param(("crm", "db"), "db", "db", id="one of the key's servers"),
        pytest.param(("*",), "any", "any", id="a key for all"),
        pytest.param(("*",), "", "", id="nobody said"),
        pytest.param(("crm",), "db", None, id="a server of somebody else"),
    ],
)
def test_a_key_speaks_for_its_own_servers_only(servers, named, expected):
    resource = {"service.name": "x"} | ({"gatewayops.server": named} if named else {})

    records, refusals = read(traces_json(span_json(), resource=resource), servers=servers)

    assert [record.server for record in records] == ([] if expected is None else [expected])
    assert refusals.count == (1 if expected is None else 0)


@pytest.mark.parametrize(
    ("body", "form"),
    [
        pytest.param(b"{", wire.JSON, id="no JSON"),
        pytest.param(b'{"resourceSpans": 5}', wire.JSON, id="JSON of another shape"),
        pytest.param(b"[" * 5000, wire.JSON, id="JSON that never stops nesting"),
        pytest.param(b"\xff\xff", wire.PROTOBUF, id="no protobuf"),
        pytest.param(b"\xff", wire.JSON, id="no UTF-8"),
    ],
)
def test_a_body_that_is_no_export_is_refused_for_good(body, form):
    with pytest.raises(InvalidInput):
        wire.request_of(signals.TRACES, body, form)


def test_gzip_is_unpacked_no_further_than_the_limit():
    import gzip

    packed = gzip.compress(b"a" * 10_000_000)

    assert wire.inflated(gzip.compress(b"ab") + gzip.compress(b"c"), "gzip", limit_bytes=3) == b"abc"
    assert wire.inflated(b"abc", "identity", limit_bytes=3) == b"abc"
    for body, encoding in ((packed, "gzip"), (b"abcd", "")):
        with pytest.raises(TooLarge):
            wire.inflated(body, encoding, limit_bytes=3)
    for body, encoding in ((packed[:50], "gzip"), (b"no", "gzip"), (b"", "br")):
        with pytest.raises(InvalidInput):
            wire.inflated(body, encoding, limit_bytes=1 << 30)
