"""When two definitions are the same: what a client could tell apart counts, how it is written does not."""

import json

import pytest

from gatewayops.policy.pins.definition import Ambiguous, canonical, definition_hash, name_of

TOOL = {
    "name": "read_file",
    "title": "Read",
    "description": "Reads a file.",
    "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    "outputSchema": {"type": "object"},
    "annotations": {"readOnlyHint": True},
    "_meta": {"ui": {"resourceUri": "ui://x"}},
}


def raw(value):
    return json.dumps(value).encode()


SAME = [
    pytest.param(b'{"a":1,"b":2}', b'{"b":2,"a":1}', id="order of keys"),
    pytest.param(b'{"a": [1,\n 2]}', b'{"a":[1,2]}', id="spaces"),
    pytest.param(b'{"a":1.0}', b'{"a":1}', id="a whole number with a point"),
    pytest.param(b'{"a":1e2}', b'{"a":100}', id="an exponent"),
    pytest.param(b'{"a":-0.0}', b'{"a":0}', id="minus zero"),
    pytest.param(b'{"a":0.10}', b'{"a":1e-1}', id="a fraction"),
    pytest.param(rb'{"a":"\u00e9\/"}', '{"a":"é/"}'.encode(), id="escapes"),
    pytest.param(rb'{"a":"\ud83d\ude00"}', '{"a":"😀"}'.encode(), id="a pair of surrogates"),
    pytest.param(rb'{"\u0061":1}', b'{"a":1}', id="an escaped key"),
]

OTHER = [
    pytest.param(b'{"a":"1"}', b'{"a":1}', id="text and number"),
    pytest.param(b'{"a":true}', b'{"a":1}', id="true and one"),
    pytest.param(b'{"a":null}', b"{}", id="null and nothing"),
    pytest.param(b'{"a":[1,2]}', b'{"a":[2,1]}', id="order of a list"),
    pytest.param(b'{"a":9007199254740993}', b'{"a":9007199254740992}', id="whole numbers beyond doubles"),
    pytest.param('{"a":"é"}'.encode(), '{"a":"e\u0301"}'.encode(), id="composed and decomposed"),
    pytest.param(b'{"a":"x"}', '{"a":"x\u200b"}'.encode(), id="an invisible character"),
    pytest.param(b'{"a":1,"a":1}', b'{"a":1}', id="a key twice"),
    pytest.param(rb'{"a":"\ud800"}', rb'{"a":"\ud801"}', id="lone surrogates"),
    pytest.param(b'{"a":1}', b'{"A":1}', id="case"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_how_a_definition_is_written_does_not_count(one, other):
    assert canonical(one) == canonical(other)
    assert definition_hash(one) == definition_hash(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_a_definition_says_does_count(one, other):
    assert definition_hash(one) != definition_hash(other)


@pytest.mark.parametrize("field", [*TOOL, "somethingNew"])
def test_every_field_counts(field):
    assert definition_hash(raw({**TOOL, field: "changed"})) != definition_hash(raw(TOOL))


def test_keys_are_ordered_as_rfc_8785_orders_them():
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]  # section 3.2.3
    ordered = list(json.loads(canonical(raw(dict.fromkeys(keys, 0)))))
    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(b'{"name":"a","description":"x","description":"y"}', id="a key twice"),
        pytest.param(rb'{"name":"\ud800"}', id="no Unicode"),
        pytest.param(b'{"name":NaN}', id="no number"),
        pytest.param(b'{"name":' + b"9" * 5000 + b"}", id="a number too long"),
        pytest.param(b'{"a":' * 100 + b"1" + b"}" * 100, id="nested too deeply"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(b'{"name":1e999}', id="an infinite number"),
        pytest.param(b'{"name":"\xff"}', id="no UTF-8"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_can_be_read_in_two_ways_is_hashed_as_it_came(odd):
    with pytest.raises(Ambiguous):
        canonical(odd)
    assert definition_hash(odd).startswith("raw-sha256:")


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        pytest.param(b'{"name":"read/file.v2"}', "read/file.v2", id="usual"),
        pytest.param('{"name":"日本"}'.encode(), "日本", id="another script"),
        pytest.param(b"{}", "", id="none"),
        pytest.param(b'{"name":1}', "", id="no text"),
        pytest.param(b'{"name":""}', "", id="empty"),
        pytest.param(rb'{"name":"a\u0000"}', "", id="nul"),
        pytest.param(rb'{"name":"\ud800"}', "", id="no Unicode"),
        pytest.param(raw({"name": "x" * 256}), "", id="too long"),
        pytest.param(b"[]", "", id="no object"),
        pytest.param(b"{", "", id="no JSON"),
    ],
)
def test_a_name_is_what_can_be_kept(definition, name):
    assert name_of(definition) == name
