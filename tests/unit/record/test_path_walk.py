"""The one walk for all of an organisation's JSON paths, held against a plain evaluation of each path."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayops.record.masking import Masker, masker_of
from gatewayops.record.masking.json_path import NoPath, parsed
from gatewayops.record.masking.path_places import Segment
from gatewayops.store.snapshot import MaskingRow, MaskingRule

LIMIT = 64 << 10
NAMES = st.sampled_from(["a", "b", "c d", "é", 'q"x', "\\"])
VALUES = st.recursive(
    st.sampled_from([1, -2.5e3, True, None, "", "x", 'he "said" {[,:]}', "\\", "é\n", "tail\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
STEPS = st.sampled_from([".a", ".b", "..a", "..b", ".*", "[*]", "[0]", "[1]", "..[*]", "['c d']", "..['é']"])
PATHS = st.lists(STEPS, min_size=1, max_size=4).map(lambda steps: "$" + "".join(steps))


def with_paths(paths: list[str]) -> Masker:
    return masker_of(
        MaskingRow("org", rules=tuple(MaskingRule("r", "json_path", path) for path in paths)),
    )


def is_named(place: tuple[str | int, ...], segments: tuple[Segment, ...]) -> bool:
    if not place or not segments:
        return not place and not segments
    if segments[0].takes(place[0]) and is_named(place[1:], segments[1:]):
        return True
    return segments[0].descends and is_named(place[1:], segments)


def plainly_masked(
    value: object, paths: list[tuple[Segment, ...]], place: tuple[str | int, ...] = ()
) -> object:
    if place and value not in (None, "") and any(is_named(place, path) for path in paths):
        return "[masked:r]"
    if isinstance(value, dict):
        return {key: plainly_masked(inner, paths, (*place, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [plainly_masked(inner, paths, (*place, at)) for at, inner in enumerate(value)]
    return value


def is_path(path: str) -> bool:
    try:
        return bool(parsed(path))
    except NoPath:
        return False


@settings(max_examples=200, deadline=None)
@given(
    st.lists(PATHS.filter(is_path), min_size=1, max_size=4),
    st.dictionaries(NAMES, VALUES, max_size=4)
    | st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=3),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_all_paths_together_mask_what_each_names(
    paths: list[str], value: object, ensure_ascii: bool, indent: int | None
) -> None:
    raw = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent).encode()
    text, _ = with_paths(paths).body(raw, LIMIT)
    assert json.loads(text) == plainly_masked(value, [parsed(path) for path in paths])


def test_of_two_paths_to_one_place_the_first_says_the_marker_and_both_are_counted() -> None:
    which = masker_of(
        MaskingRow(
            "org", rules=(MaskingRule("x", "json_path", "$.a.b"), MaskingRule("y", "json_path", "$..b"))
        )
    )
    raw = b'{"a": {"b": 1}, "c": {"b": 2}}'
    assert which.body(raw, LIMIT)[0] == '{"a": {"b": "[masked:x]"}, "c": {"b": "[masked:y]"}}'
    assert which.hits(raw) == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"t": "\\"b\\": [", "b": "hush"}', id="JSON in a string in front"),
        pytest.param(b'{"t": "\\\\", "b": "hush"}', id="a string that ends in a backslash"),
        pytest.param(b'{"t":[[[{"x":"]}"}]]],"b":"hush"}', id="compact, brackets in a string"),
        pytest.param(b'{"b" :\n "hush"}', id="blanks around the colon"),
        pytest.param(b'{"b": 1}\n{"b": "hush"}', id="JSON Lines"),
        pytest.param(b'{"b": "hush", "b": 7}', id="twice, the first longer"),
        pytest.param(b'{"b": "}hush", "b": 7}', id="twice, a bracket where the second would end"),
        pytest.param(b'{"b": 7, "c": 1, "b": "hush"}', id="twice, another between"),
        pytest.param(b'{"b": 1, "a": 2, "b": "hush,\\"a\\":2}"}', id="twice, and what follows is in it"),
        pytest.param(b'{"\xff": 1, "b": "hush"}', id="a name that is no UTF-8"),
        pytest.param(b'{"x": "\xff\xed\xa0\x80", "b": "hush"}', id="a text that is no UTF-8"),
        pytest.param(b'{"\\ud800": 1, "b": "hush"}', id="half a character"),
        pytest.param(b'{"b": "hush"}]', id="too many brackets"),
        pytest.param(b'{"x": ' + b"[" * 3000 + b"]" * 3000 + b', "b": "hush"}', id="very deep"),
        pytest.param(b' \r\n\t{"b": "hush"} \n', id="blanks around"),
        pytest.param(b'data: {"b": "hush"}\n\ndata: {"b": "hush"}\n\n', id="an event stream"),
    ],
)
def test_the_walk_keeps_its_place(raw: bytes) -> None:
    assert "hush" not in with_paths(["$.b"]).body(raw, LIMIT)[0]


def test_paths_with_very_many_states_stay_within_bounds() -> None:
    which = with_paths(["$..a" + ".*" * 12])
    deep = b'{"a":' * 3000 + b'{"b":' * 20 + b"1"
    text, _ = which.body(deep, LIMIT)
    assert "[masked:r]" in text
