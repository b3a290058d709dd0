"""What a person sees who decides about a tool that changed: every difference, and what no screen shows."""

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

    assert len(side_by_side(old, new)) == 10_004
    assert all(not piece.is_marked for line in side_by_side(*words) for piece in line.new or ())
