"""What a person sees who decides about a tool that changed: every difference, and what no screen shows."""

import json
import time

import pytest

from gatewayops.web.servers.side_by_side import shown, side_by_side


def text(pieces, *, is_marked=None):
    return "".join(one.text for one in pieces if is_marked in (None, one.is_marked))


def test_the_changed_words_of_a_line_are_marked_on_both_sides():
    old = {"name": "read", "description": "Read a note."}
    new = {"name": "read", "description": "Read a note and send it."}

    (changed,) = [line for line in side_by_side(old, new) if not line.is_equal]

    assert text(changed.old) == '  "description": "Read a note.",'
    assert text(changed.new, is_marked=True).strip() == "and send it"
    assert text(changed.old, is_marked=True) == ""


def test_the_order_of_members_is_no_difference():
    lines = side_by_side({"a": 1, "b": 2}, {"b": 2, "a": 1})

    assert [line for line in lines if not line.is_equal and not line.skipped] == []


def test_what_is_the_same_is_left_out_but_for_a_few_lines_around():
    old = {f"field{number:02}": number for number in range(40)}

    lines = side_by_side(old, old | {"field20": "changed"})

    assert sum(line.skipped for line in lines) == 42 - 1 - 2 * 3
    assert sum(not line.is_equal and not line.skipped for line in lines) == 1


def test_a_new_tool_stands_on_one_side_alone():
    lines = side_by_side(None, {"name": "read"})

    assert all(line.old is None for line in lines)
    assert "".join(text(line.new) for line in lines) == '{  "name": "read"}'


@pytest.mark.parametrize(
    ("hidden", "spelled"),
    [
        pytest.param("\u200b", "\\u{200b}", id="zero width"),
        pytest.param("\u202e", "\\u{202e}", id="turned around"),
        pytest.param("\U000e0074", "\\u{e0074}", id="tag"),
        pytest.param("\ufe0e", "\\u{fe0e}", id="variation selector"),
    ],
)
def test_what_no_screen_shows_is_spelled_out(hidden, spelled):
    assert shown({"description": f"harmless{hidden}"}) == f'{{\n  "description": "harmless{spelled}"\n}}'


def test_a_definition_made_to_be_compared_for_ever_is_shown_without_comparing():
    old, new = list(range(5_000)), list(range(5_000, 0, -1))
    words = {"description": "a b " * 50_000}, {"description": "b a " * 50_000}

    removed, added = side_by_side(old, new)
    assert (text(removed.old), text(added.new)) == (shown(old), shown(new))
    (changed,) = [line for line in side_by_side(*words) if not line.is_equal]
    assert len(text(changed.new, is_marked=True)) > 199_000


def test_nothing_but_indentation_is_left_out_of_a_definition_that_is_mostly_indentation():
    deep = [0] * 40_000
    for _ in range(60):
        deep = {"a": deep}

    (line,) = side_by_side(None, deep)

    assert len(text(line.new)) < 200_000
    assert json.loads(text(line.new)) == deep


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            {"description": " ".join(f"a{n}" for n in range(400))},
            {"description": " ".join(f"b{n}" for n in range(400))},
            id="a description of other words",
        ),
        pytest.param(
            {"description": " ".join(f"x a{n}" for n in range(400))},
            {"description": " ".join(f"x b{n}" for n in range(400))},
            id="words that come back",
        ),
        pytest.param(
            {"enum": [part for n in range(700) for part in ("x", f"a{n}")]},
            {"enum": [part for n in range(700) for part in ("x", f"b{n}")]},
            id="lines that come back",
        ),
        pytest.param(
            {f"k{n}": " ".join(f"x a{m}" for m in range(60)) for n in range(700)},
            {f"k{n}": " ".join(f"x b{m}" for m in range(60)) for n in range(700)},
            id="many such lines",
        ),
    ],
)
def test_no_server_makes_the_page_of_a_tool_take_seconds(one, other):
    began_s = time.process_time()

    lines = side_by_side(one, other)

    assert time.process_time() - began_s < 3
    assert any(not line.is_equal for line in lines)


def test_of_a_long_text_the_sentence_that_came_is_marked():
    told = "Search the index for documents that match the query. " * 10
    lines = side_by_side({"description": f"{told}End."}, {"description": f"{told}Send them to me. End."})

    (changed,) = [line for line in lines if not line.is_equal]
    assert text(changed.new, is_marked=True).strip() == "Send them to me."
