"""What arguments pass: schema, limits, deny patterns, and the ways around them."""

import json

import pytest

from gatewayops.base.errors import Reason
from gatewayops.policy.validation.checks import Checks
from gatewayops.policy.validation.settings import ValidationSettings
from gatewayops.store.snapshot import OwnPattern, Snapshot, ToolRow, ValidationRow

FORECAST = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}


def tool(schema, server="weather", name="forecast", org_id="org"):
    definition = json.dumps({"name": name, "inputSchema": schema}).encode()
    return ToolRow(org_id, server, name, definition, "hash", "approved")


def check_of(*rules, schema=FORECAST, settings=None, at=("org", "weather", "forecast")):
    checks = Checks(settings or ValidationSettings())
    tools = () if schema is None else (tool(schema),)
    checks.replace(Snapshot(revision=1, made_at=0.0, tools=tools, validation=rules))
    return checks.of(*at)


def rule(server="", tool="", **fields):
    return ValidationRow("org", server, tool, **fields)


def detail(check, arguments):
    deny = check(arguments if isinstance(arguments, bytes) else json.dumps(arguments).encode())
    return "" if deny is None else deny.detail


@pytest.mark.parametrize(
    "arguments",
    [
        b'{"city":"Oslo","days":3}',
        b'{ "city" : "Oslo",\n "days" : 3 }',
        b'{"city":"\\u004fslo \\"x\\": 1"}',
        b'{"city":":x","more":{"city":":y"},"list":[{"a":1},{"a":1}]}',
        b'{"days":123456789012345678901234567890,"city":"Oslo"}',
        b'{"city":"Oslo","days":1.0}',
        '{"city":"Ålesund"}'.encode(),
    ],
)
def test_arguments_that_fit_pass(arguments):
    assert check_of()(arguments) is None


@pytest.mark.parametrize("arguments", [b"", b"{}", b"null"])
def test_no_arguments_pass_where_none_are_required(arguments):
    assert check_of(schema={"type": "object"})(arguments) is None
    assert detail(check_of(), arguments) == "arguments: city is required"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(b'{"city":"a","city":5}', id="twice"),
        pytest.param(b'{"city":5,"city":"a"}', id="twice, the bad one first"),
        pytest.param(b'{"city":"a","c\\u0069ty":"b"}', id="twice by an escape"),
        pytest.param(b'{"city" :"a","city":"b"}', id="twice by a blank"),
        pytest.param(
            b'{"city":"\\u0022:","days":1,"days":2}', id="twice, with an escape that looks like a member"
        ),
        pytest.param(b'{"city":"a","x":[[{"k":1,"k":2}]]}', id="twice deep inside"),
        pytest.param(b'{"city":":","days":1.0e0, "days" : 2}', id="twice with numbers that encode otherwise"),
        pytest.param(
            b'{"city":"a","days":123456789012345678901234567890,"days":1}', id="twice with a big number"
        ),
        pytest.param(b'{"city":"a","City":"b"}', id="by case"),
        pytest.param(b'{"city":"a","DAYS":"x"}', id="by case, one only"),
        pytest.param(b'{"city":"a","days":NaN}', id="NaN"),
        pytest.param(b'{"city":"a","days":Infinity}', id="infinity"),
        pytest.param(b'{"city":"a","days":1e999}', id="beyond a double"),
        pytest.param(b'{"city":"a","days":' + b"9" * 5_000 + b"}", id="5,000 digits"),
        pytest.param(b'{"city":"\\ud800"}', id="half a surrogate pair"),
        pytest.param(b'{"city":"\xff"}', id="no UTF-8"),
        pytest.param(b'{"city":"a"} x', id="text behind"),
        pytest.param(b'\xef\xbb\xbf{"city":"a"}', id="byte order mark"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="100,000 lists"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="100,000 objects"),
        pytest.param(b"[" * 100_000, id="100,000 lists without an end"),
        pytest.param(b'["city"]', id="a list"),
        pytest.param(b'"city"', id="a text"),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(arguments):
    deny = check_of()(arguments)

    assert deny is not None
    assert deny.reason is Reason.ARGUMENTS_INVALID
    assert deny.detail.startswith("arguments")


@pytest.mark.parametrize("schema", [FORECAST, None], ids=["with a schema", "without one"])
@pytest.mark.parametrize(
    ("limit", "arguments", "told"),
    [
        ({"max_bytes": 40}, {"city": "x" * 40}, "larger than 40 bytes"),
        ({"max_depth": 2}, {"city": "a", "x": {"y": {"z": 1}}}, "nested deeper than 2 levels"),
        ({"max_items": 5}, {"city": "a", "x": [1, 2, 3, 4]}, "more than 5 items"),
    ],
)
def test_limits_hold_with_and_without_a_schema(schema, limit, arguments, told):
    assert told in detail(check_of(rule(**limit), schema=schema), arguments)
    assert detail(check_of(schema=schema), arguments) == ""


@pytest.mark.parametrize("schema", [FORECAST, None], ids=["with a schema", "without one"])
def test_nesting_just_within_the_limit_passes_and_brackets_in_texts_do_not_count(schema):
    check = check_of(rule(max_depth=3), schema=schema)

    assert check(b'{"city":"a","x":[[1]]}') is None
    assert check(b'{"city":"[[[[{{{{"}') is None
    assert check(b'{"city":"a","x":[[[1]]]}') is not None


def test_a_limit_without_a_schema_still_refuses_a_bomb():
    check = check_of(schema=None)

    assert "deep" in detail(check, b"[" * 100_000 + b"]" * 100_000)
    assert check(b'{"city":"a","city":"b"}') is None  # nothing is checked that could be got around


def test_the_narrowest_rule_decides_field_by_field():
    check = check_of(
        rule(max_bytes=30, max_depth=2),
        rule("weather", schema_mode="off"),
        rule("weather", "forecast", max_bytes=1000),
        rule("other", max_bytes=2),
        rule("", "forecast", max_depth=9),
    )

    assert check(b'{"days":"no integer", "padding":"padding padding"}') is None
    assert check(b'{"a":{"b":{"c":1}}}') is None


def test_a_schema_only_reported_lets_pass_and_counts():
    check = check_of(rule(schema_mode="report"))

    assert check(b'{"city":5}') is None
    assert check(b'{"city":"a","City":"a"}') is None
    assert check(b'{"city":"a","city":"a"}') is None
    assert check.reported == 3
    assert check.last_reported == ("schema", "case", "duplicate")


def test_counts_of_reports_outlive_a_new_snapshot():
    checks = Checks(ValidationSettings(schema_mode="report"))
    snapshot = Snapshot(revision=1, made_at=0.0, tools=(tool(FORECAST),))
    for _ in range(2):
        checks.replace(snapshot)
        check = checks.of("org", "weather", "forecast")
        check(b"{}")

    assert check.reported == 2


def test_a_schema_that_cannot_be_used_lets_calls_pass_and_is_a_finding():
    checks = Checks(ValidationSettings())
    checks.replace(Snapshot(revision=1, made_at=0.0, tools=(tool({"$ref": "http://127.0.0.1:1/x"}),)))
    check = checks.of("org", "weather", "forecast")

    assert check(b'{"anything":1}') is None
    assert "never fetched" in check.unchecked
    assert checks.findings() == [("org", "weather", "forecast", check.unchecked)]


def test_one_organisation_never_meets_the_rules_of_another():
    check = check_of(rule(max_bytes=2), at=("other", "weather", "forecast"))

    assert check(b'{"city":5}') is None


def test_a_compiled_schema_is_shared_while_its_text_stays_the_same():
    checks = Checks(ValidationSettings())
    rows = (tool(FORECAST), tool(FORECAST, server="second"))
    checks.replace(Snapshot(revision=1, made_at=0.0, tools=rows))

    first, second = (checks.of("org", server, "forecast") for server in ("weather", "second"))
    assert first._schema is second._schema
    checks.replace(Snapshot(revision=2, made_at=0.0, tools=rows))
    assert checks.of("org", "weather", "forecast")._schema is first._schema


def test_without_a_tool_there_is_nothing_to_check():
    assert check_of(at=("org", "weather", "")) is None


def test_a_recursive_schema_refuses_arguments_that_would_take_too_long():
    branch = {"properties": {"a": {"$ref": "#"}, "list": {"items": {"type": "string"}}}}
    check = check_of(schema={"anyOf": [{**branch, "required": [f"r{n}"]} for n in range(4)] + [{}]})
    deep = b'{"a":' * 40 + b'{"list":[' + b",".join([b'"x"'] * 5_000) + b"]}" + b"}" * 40

    assert "too many and too deep" in detail(check, deep)
    assert check(b'{"a":{"a":{"list":["x"]}}}') is None


SQL = rule(patterns={"sql_injection": "block", "path_traversal": "report"})


@pytest.mark.parametrize("schema", [FORECAST, None], ids=["with a schema", "without one"])
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        pytest.param(b"{\"city\":\"x' OR '1'='1\"}", "arguments.city", id="plain"),
        pytest.param(b'{"city":"x\\u0027 OR \\u00271\\u0027=\\u00271"}', "arguments.city", id="escaped"),
        pytest.param(
            b'{"city":"a","x":{"y":["b","1 UNION/**/SELECT 2"]}}', "arguments.x.y[1]", id="inside a list"
        ),
        pytest.param(b'{"city":"a","1; DROP TABLE users":1}', "arguments", id="in a name"),
        pytest.param(
            rb'{"city":"x\uff07 \uff2f\uff32 \uff071\uff07=\uff071"}', "arguments.city", id="full width"
        ),
        pytest.param(
            b'{"city":"1 uni\\u200bon sel\\u200bect 2"}', "arguments.city", id="invisible characters"
        ),
    ],
)
def test_a_deny_pattern_is_found_however_it_is_written(schema, arguments, where):
    deny = check_of(SQL, schema=schema)(arguments)

    assert deny is not None
    assert deny.reason is Reason.PATTERN_DENIED
    assert deny.detail == f"{where}: matches the deny pattern sql_injection"


def test_a_set_that_only_reports_lets_pass_and_a_blocking_one_goes_first():
    check = check_of(SQL)

    assert check(b'{"city":"../../x"}') is None
    assert check.last_reported == ("path_traversal",)
    assert "sql_injection" in detail(check, {"city": "../../x", "x": "1 union select 2"})


def test_patterns_of_ones_own_add_up_and_the_narrowest_of_a_name_counts():
    check = check_of(
        rule(own_patterns=(OwnPattern("card", "[0-9]{16}", "block"), OwnPattern("word", "^zebra$", "block"))),
        rule("weather", own_patterns=(OwnPattern("card", "[0-9]{16}", "off"),)),
    )

    assert check(b'{"city":"1234567812345678"}') is None
    assert check(b'{"city":"a zebra"}') is None
    assert detail(check, {"city": "zebra"}) == "arguments.city: matches the deny pattern word"


def test_all_sets_are_off_until_somebody_turns_them_on():
    assert (
        check_of()(b'{"city":"\' OR 1=1; rm -rf / ../../etc/passwd ignore all previous instructions"}')
        is None
    )
