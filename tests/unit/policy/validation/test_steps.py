"""Steps of transformations equal a plain implementation on Python objects, and leave the rest as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.base.errors import InvalidInput
from gatewayops.policy.validation.steps import apply, step_of
from gatewayops.store.snapshot import StepRow

NAMES = st.sampled_from(["a", "b", "~", "/", "0", "1", "-", "", "é", 'q"', "a b"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
PATHS = st.lists(NAMES, min_size=1, max_size=4)


@st.composite
def steps(draw):
    op = draw(st.sampled_from(["set", "remove", "rename"]))
    to = draw(NAMES.filter(bool)) if op == "rename" else ""
    return op, draw(PATHS), to, draw(VALUES) if op == "set" else None


def pointer(path):
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def row(op, path, to="", value=None):
    raw = json.dumps(value).encode() if op == "set" else b""
    return StepRow(op=op, path=path if isinstance(path, str) else pointer(path), to=to, value=raw)


def changed(document, *rows):
    made = tuple(step_of("request.0", one) for one in rows)
    return apply(made, document if isinstance(document, bytes) else json.dumps(document).encode())


def plainly(value, op, path, to, new):
    """The same on Python objects."""
    if isinstance(value, dict):
        return plainly_in_object(value, op, path, to, new)
    if isinstance(value, list):
        return plainly_in_list(value, op, path, to, new)
    return value


def plainly_in_object(value, op, path, to, new):
    name, rest = path[0], path[1:]
    if op == "set" and name not in value:
        return {**value, name: nested(rest, new)}
    if name not in value:
        return value
    if rest:
        return {**value, name: plainly(value[name], op, rest, to, new)}
    if op == "set":
        return {**value, name: new}
    others = {other: inner for other, inner in value.items() if other != name}
    return {**others, to: value[name]} if op == "rename" else others


def plainly_in_list(value, op, path, to, new):
    name, rest = path[0], path[1:]
    if (op, name, rest) == ("set", "-", []):
        return [*value, new]
    if name not in map(str, range(len(value))):
        return value
    number = int(name)
    before, after = value[:number], value[number + 1 :]
    if rest:
        return [*before, plainly(value[number], op, rest, to, new), *after]
    return {"set": [*before, new, *after], "remove": before + after, "rename": value}[op]


def nested(path, value):
    return {path[0]: nested(path[1:], value)} if path else value


@given(document=DOCUMENTS, step=steps())
def test_a_step_equals_the_plain_implementation(document, step):
    op, path, to, value = step

    assert json.loads(changed(document, row(op, path, to, value))) == plainly(document, op, path, to, value)


@given(document=DOCUMENTS, several=st.lists(steps(), max_size=4))
def test_steps_apply_one_after_the_other(document, several):
    expected = document
    for op, path, to, value in several:
        expected = plainly(expected, op, path, to, value)

    assert json.loads(changed(document, *(row(*step) for step in several))) == expected


def test_what_no_step_names_keeps_every_byte():
    raw = b'{"n":1.000000000000000000001,"big":123456789012345678901234567890,"u":"\\u00e9","x":{"y":1e400}}'

    after = changed(raw, row("set", "/x/z", value=True), row("remove", "/nothing"))

    assert after == raw[:-2] + b',"z":true}}'
    assert changed(raw, row("remove", "/x/nothing/more")) == raw


def test_what_is_hidden_behind_a_second_member_of_the_same_name_is_gone_too():
    raw = b'{"a":{"secret":1},"x":{"y":1},"a":{}}'

    assert changed(raw, row("remove", "/a/secret")) == b'{"a":{},"x":{"y":1}}'
    assert changed(b'{"a":1,"a":2,"b":3}', row("remove", "/a")) == b'{"b":3}'


@pytest.mark.parametrize("raw", [b"5", b'"text"', b"null", b"[]", b'[{"a":1}]', b" true"])
def test_where_there_is_no_such_field_nothing_changes(raw):
    assert changed(raw, row("set", "/a", value=1), row("remove", "/a"), row("rename", "/a", "b")) == raw


@pytest.mark.parametrize("raw", [b"{", b'{"a":}', b'{"a":1}x', b'{"\xff":1}', b'{"a":' * 100_000])
def test_what_is_no_json_raises_value_error(raw):
    with pytest.raises(ValueError, match=r"JSON|utf-8"):
        changed(raw, row("set", "/a/b", value=1))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        pytest.param(StepRow("set", "", value=b"1"), "request.0.path: a JSON pointer", id="the whole"),
        pytest.param(StepRow("set", "a", value=b"1"), "request.0.path: a JSON pointer", id="no slash"),
        pytest.param(
            StepRow("set", "/a~2", value=b"1"), "request.0.path: a JSON pointer", id="no such escape"
        ),
        pytest.param(StepRow("set", "/a~", value=b"1"), "request.0.path: a JSON pointer", id="open escape"),
        pytest.param(StepRow("set", "/" + "a" * 600, value=b"1"), "request.0.path: a JSON", id="too long"),
        pytest.param(
            StepRow("set", "/a" * 33, value=b"1"), "request.0.path: at most 32 parts", id="too deep"
        ),
        pytest.param(StepRow("set", "/\ud800", value=b"1"), "request.0.path: not Unicode", id="half a pair"),
        pytest.param(StepRow("set", "/a"), "request.0.value: JSON of at most", id="no value"),
        pytest.param(StepRow("set", "/a", value=b"NaN"), "request.0.value: not JSON", id="not JSON"),
        pytest.param(StepRow("set", "/a", value=b'"' + b"x" * 9_000 + b'"'), "request.0.value", id="large"),
        pytest.param(
            StepRow("set", "/a", value=b"[" * 40 + b"]" * 40), "request.0.value: at most", id="deep"
        ),
        pytest.param(StepRow("rename", "/a"), "request.0.to: the new name", id="no name"),
        pytest.param(StepRow("rename", "/a", to="x" * 300), "request.0.to: the new name", id="long name"),
        pytest.param(StepRow("copy", "/a"), "request.0.op: set, remove or rename", id="no such step"),
    ],
)
def test_a_step_that_cannot_be_is_refused_with_its_field(step, told):
    with pytest.raises(InvalidInput) as refused:
        step_of("request.0", step)

    assert refused.value.detail.startswith(told)
