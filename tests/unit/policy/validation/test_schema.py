"""A tool's own schema: what it refuses, what is told of it, and schemas that mean harm."""

import json
import time

import pytest

from gatewayops.policy.validation.schema import Schema, input_schema
from gatewayops.policy.validation.schema_cost import SchemaUnusable, costs_by_depth


def compiled(schema):
    return Schema(json.dumps(schema).encode())


def doubling(times, word, leaf):
    """Each of `times` definitions refers to the next one twice."""
    definitions = {f"d{n}": {word: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(times)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{times}": leaf}}


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        pytest.param(
            {"properties": {"city": {"type": "string"}}},
            {"city": 4711},
            "arguments.city: not of type string",
            id="type",
        ),
        pytest.param({"required": ["city"]}, {}, "arguments: city is required", id="required"),
        pytest.param(
            {"properties": {"y": {}}, "additionalProperties": False},
            {"x": "s3cret"},
            "arguments: the tool does not know x",
            id="unknown member",
        ),
        pytest.param(
            {"properties": {"u": {"enum": ["a", "b"]}}},
            {"u": "s3cret"},
            'arguments.u: none of the allowed values ["a","b"]',
            id="enum",
        ),
        pytest.param(
            {"properties": {"u": {"const": 1}}},
            {"u": "s3cret"},
            "arguments.u: not the one allowed value 1",
            id="const",
        ),
        pytest.param(
            {"properties": {"u": {"pattern": "^a$"}}},
            {"u": "s3cret"},
            "arguments.u: does not match the pattern ^a$",
            id="pattern",
        ),
        pytest.param(
            {"properties": {"u": {"maxLength": 2}}},
            {"u": "s3cret"},
            "arguments.u: breaks maxLength 2",
            id="length",
        ),
        pytest.param(
            {"properties": {"u": {"items": {"maximum": 5}}}},
            {"u": [1, 4711]},
            "arguments.u[1]: breaks maximum 5",
            id="place in a list",
        ),
        pytest.param(
            {"properties": {"u": {"not": {}}}}, {"u": "s3cret"}, "arguments.u: breaks not", id="not"
        ),
        pytest.param(
            {"properties": {"u": {"anyOf": [{"type": "null"}]}}},
            {"u": "s3cret"},
            "arguments.u: breaks anyOf",
            id="any of",
        ),
    ],
)
def test_what_is_wrong_is_told_with_place_and_rule_and_without_the_value(schema, value, told):
    found = compiled(schema).fault(value)

    assert found == told
    assert "s3cret" not in found
    assert "4711" not in found


def test_the_draft_is_2020_12_where_none_is_named():
    schema = compiled({"prefixItems": [{"type": "integer"}]})

    assert not schema.is_valid(["a"])
    assert compiled(
        {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}
    ).is_valid([1])


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        pytest.param({"$ref": "http://127.0.0.1:1/schema"}, "never fetched", id="a schema elsewhere"),
        pytest.param({"$ref": "file:///etc/passwd"}, "never fetched", id="a file"),
        pytest.param(
            {"allOf": [{"properties": {"a": {"$ref": "other.json"}}}]}, "never fetched", id="a neighbour"
        ),
        pytest.param(
            {"$schema": "http://127.0.0.1:1/meta"}, "does not compile", id="a meta-schema elsewhere"
        ),
        pytest.param({"properties": {"a": {"$id": "http://x/", "$ref": "#/y"}}}, "$id", id="another base"),
        pytest.param({"$dynamicRef": "#a"}, "$dynamicRef", id="dynamic"),
        pytest.param({"$ref": "#"}, "without end", id="itself"),
        pytest.param(
            {
                "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}},
                "$ref": "#/$defs/a",
            },
            "without end",
            id="in a ring",
        ),
        pytest.param({"$ref": "#/$defs/none"}, "does not have", id="nothing there"),
        pytest.param({"type": "strnig"}, "does not compile", id="no such type"),
        pytest.param({"pattern": "("}, "does not compile", id="a broken pattern"),
        pytest.param({"pattern": "(a{1000}){1000}"}, "does not compile", id="a huge pattern"),
        pytest.param(
            {"properties": {f"p{n}": {"pattern": "a"} for n in range(200)}},
            "patterns",
            id="too many patterns",
        ),
        pytest.param({"enum": ["x" * 300_000]}, "larger", id="too large"),
        pytest.param({"enum": [1] * 60_000}, "too large", id="too many items"),
        pytest.param({"properties": {f"p{n}": {} for n in range(6_000)}}, "parts", id="too many parts"),
        pytest.param(doubling(30, "allOf", {}), "too long", id="2^30 looks, all of"),
        pytest.param(doubling(30, "anyOf", {"not": {}}), "too long", id="2^30 looks, any of"),
        pytest.param(
            {
                "properties": {"a": doubling(30, "oneOf", {})["$defs"]["d0"]},
                "$defs": doubling(30, "oneOf", {})["$defs"],
            },
            "too long",
            id="2^30 looks, further in",
        ),
        pytest.param([], "not an object", id="a list"),
    ],
)
def test_a_schema_that_cannot_be_used_says_why(schema, why):
    with pytest.raises(SchemaUnusable, match=why.replace("$", r"\$").replace("^", r"\^")):
        compiled(schema)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"a":NaN}', b"\xff", b"[" * 100_000, b'{"items":' * 150 + b"{}" + b"}" * 150]
)
def test_a_schema_that_is_no_plain_json_is_not_used(raw):
    with pytest.raises(SchemaUnusable):
        Schema(raw)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(?=(a+)+b)(a|aa)+$", "^(a|aa)+$(?!x)", "(.*a){12}$"])
def test_a_pattern_that_explodes_elsewhere_is_decided_soon(pattern):
    schema = compiled({"pattern": pattern})
    began = time.process_time()

    schema.is_valid("a" * 5_000 + "!")

    assert time.process_time() - began < 5  # it would be longer than the universe is old


def test_a_tree_that_refers_to_itself_for_its_branches_looks_once_at_each_place():
    tree = {"properties": {"left": {"$ref": "#"}, "right": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}

    assert max(costs_by_depth(tree)) <= 5


def test_branches_that_refer_back_for_the_same_place_multiply():
    costs = costs_by_depth({"anyOf": [{"properties": {"a": {"$ref": "#"}}}] * 3})

    assert costs[5] > 3**5
    schema = compiled(
        {"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": [f"r{n}"]} for n in range(3)]}
    )
    assert not schema.is_too_much(depth=3, items=10, size=100)
    assert schema.is_too_much(depth=30, items=30, size=300)


def test_pydantic_and_zod_schemas_cost_little():
    pydantic = {
        "$defs": {
            "Unit": {"enum": ["a", "b"], "type": "string"},
            "Place": {"properties": {"unit": {"$ref": "#/$defs/Unit"}}, "type": "object"},
        },
        "properties": {
            "places": {"items": {"$ref": "#/$defs/Place"}, "type": "array"},
            "unit": {"anyOf": [{"$ref": "#/$defs/Unit"}, {"type": "null"}]},
        },
        "type": "object",
    }

    assert max(costs_by_depth(pydantic)) <= 5


def test_a_member_that_differs_by_case_is_noticed_unless_the_schema_has_both():
    schema = compiled({"properties": {"path": {}, "PATH": {}, "key": {}}})

    assert schema.misspelt({"path": 1, "PATH": 2, "other": 3}) is None
    assert schema.misspelt({"Path": 1}) == "Path"
    assert schema.misspelt({"\u212aey": 1}) == "\u212aey"  # the Kelvin sign folds to k


def test_the_schema_is_taken_from_the_definition_and_absence_is_no_fault():
    assert input_schema(b'{"name":"x","inputSchema":{"a":1.0}}') == b'{"a":1.0}'
    assert input_schema(b'{"name":"x"}') == b""
    with pytest.raises(SchemaUnusable):
        input_schema(b"nothing")
