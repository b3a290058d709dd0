"""What was sent and answered, as the viewer shows it."""

import json

from gatewayops.web.traces.bodies import body


def test_what_masking_put_there_is_told_apart_within_its_text():
    sent = body({"note": "card [card:****1111] of [masked:email], [mask] kept"}, is_cut=False, size=90)

    assert sent.tree.children[0].parts == (
        ("card ", False),
        ("[card:****1111]", True),
        (" of ", False),
        ("[masked:email]", True),
        (", [mask] kept", False),
    )
    assert sent.masked == 2


def test_a_body_made_to_be_huge_or_deep_is_drawn_only_in_part_and_stays_whole_as_text():
    wide = body(list(range(30_000)), is_cut=False, size=170_000)
    nested = json.loads("[" * 300 + "1" + "]" * 300)
    deep = body(nested, is_cut=False, size=601)

    assert len(wide.tree.children) + wide.tree.left_out == 30_000
    assert len(wide.tree.children) < 1_000
    assert json.loads(wide.plain)[-1] == 29_999
    node, depth = deep.tree, 0
    while node.children:
        node, depth = node.children[0], depth + 1
    assert (depth < 50, node.left_out) == (True, 1)
    assert json.loads(deep.plain) == nested


def test_a_record_that_was_cut_within_its_json_is_text():
    cut = body('{"a": "[masked:field]", "b', is_cut=True, size=4_000_000)

    assert cut.tree is None
    assert (cut.is_cut, cut.masked) == (True, 1)
