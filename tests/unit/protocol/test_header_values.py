"""Values that a header cannot carry as they are, and arguments that become headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.protocol.headers import decode_value, encode_value
from gatewayops.protocol.param_headers import param_headers


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_comes_out_as_it_went_in(value):
    sent = encode_value(value)

    assert decode_value(sent.encode("latin-1")) == value
    assert sent.isascii()
    assert "\r" not in sent
    assert "\n" not in sent


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("echo", "echo"),
        ("a b", "a b"),
        (" a", "=?base64?IGE=?="),
        ("é", "=?base64?w6k=?="),
        ("=?base64?w6k=?=", "=?base64?PT9iYXNlNjQ/dzZrPT89?="),
        ("a\nb", "=?base64?YQpi?="),
    ],
)
def test_only_what_needs_it_is_coded(value, sent):
    assert encode_value(value) == sent


@pytest.mark.parametrize(
    "raw",
    [b"=?base64?w6k?=", b"=?base64?!!!!?=", b"=?base64?w6l=?=", b"=?base64?/w==?=", b"=?base64? w6k=?="],
)
def test_a_broken_or_second_coding_equals_nothing(raw):
    assert decode_value(raw) is None


SCHEMA = {
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"x-mcp-header": "Count"},
        "dry": {"x-mcp-header": "Dry-Run"},
        "plain": {"type": "string"},
        "inner": {"properties": {"id": {"x-mcp-header": "Inner-Id"}}},
        "list": {"x-mcp-header": "List"},
        "odd": {"x-mcp-header": 5},
    }
}


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        pytest.param({"region": "eu", "plain": "x"}, {"mcp-param-region": "eu"}, id="a text"),
        pytest.param({"count": 3}, {"mcp-param-count": "3"}, id="a number"),
        pytest.param({"dry": True}, {"mcp-param-dry-run": "true"}, id="a truth"),
        pytest.param({"region": None}, {}, id="null"),
        pytest.param({"inner": {"id": "7"}}, {"mcp-param-inner-id": "7"}, id="nested"),
        pytest.param({"inner": "7", "list": [1], "odd": 1, "unknown": 1}, {}, id="what does not fit"),
    ],
)
def test_arguments_become_the_headers_that_the_schema_names(arguments, headers):
    assert param_headers(SCHEMA, arguments) == headers


@pytest.mark.parametrize("schema", [None, True, [], {"properties": []}, {"properties": {"a": True}}])
def test_a_schema_that_is_none_names_no_headers(schema):
    assert param_headers(schema, {"a": 1}) == {}
