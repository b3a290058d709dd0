"""Patterns of permissions: what they match, contain and share; what is no permission."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayops.base.errors import InvalidInput
from gatewayops.policy.access.glob import covers, matcher, overlap
from gatewayops.policy.access.permissions import checked, wide_scopes
from gatewayops.store.predefined_roles import ADMIN, DEVELOPER, VIEWER
from gatewayops.store.snapshot import Permission

patterns = st.text(alphabet="aab*", max_size=7)
texts = st.text(alphabet="ab", max_size=7)


@settings(max_examples=500, deadline=None)
@given(patterns, texts)
def test_a_star_is_any_text_and_all_else_is_itself(pattern, text):
    expression = ".*".join(map(re.escape, pattern.split("*")))

    assert matcher(pattern)(text) == bool(re.fullmatch(expression, text, re.DOTALL))


@pytest.mark.parametrize(
    ("pattern", "text", "is_covered"),
    [
        pytest.param("read_*", "read_file", True, id="a beginning"),
        pytest.param("read_*", "read_", True, id="a star may be nothing"),
        pytest.param("read_*", "Read_file", False, id="case counts"),
        pytest.param("read_*", "my_read_file", False, id="anchored at the start"),
        pytest.param("read", "read\n", False, id="anchored at the end"),
        pytest.param("*", "two\nlines", True, id="a star is line breaks too"),
        pytest.param("r?ad", "read", False, id="no question marks"),
        pytest.param("[r]ead", "read", False, id="no classes"),
        pytest.param("[r]ead", "[r]ead", True, id="brackets are themselves"),
        pytest.param("a.c", "abc", False, id="no regular expressions"),
        pytest.param("ab*ab", "ab", False, id="ends do not overlap"),
        pytest.param("", "", True, id="nothing is nothing"),
        pytest.param("", "x", False, id="nothing is not everything"),
        pytest.param("ä*", "a\u0308x", False, id="what only looks the same is not"),
    ],
)
def test_patterns_cover(pattern, text, is_covered):
    assert matcher(pattern)(text) is is_covered


def test_a_long_pattern_takes_no_more_than_a_walk():
    assert not matcher("*a" * 120 + "b")("a" * 100_000)


@settings(max_examples=500, deadline=None)
@given(patterns, patterns, texts)
def test_containment_and_overlap_hold_for_every_text(one, other, text):
    in_one, in_other = matcher(one)(text), matcher(other)(text)

    assert not (covers(one, other) and in_other and not in_one)
    assert not (in_one and in_other) or overlap(one, other)
    assert overlap(one, other) == overlap(other, one)


@pytest.mark.parametrize(
    ("one", "other", "is_shared"),
    [
        ("get_*", "*_user", True),
        ("get_*", "set_*", False),
        ("*", "", True),
        ("", "a", False),
        ("a*c", "ab*", True),
        ("a*b", "a*c", False),
        ("*a*", "*b*", True),
    ],
)
def test_patterns_overlap_where_a_text_fits_both(one, other, is_shared):
    assert overlap(one, other) is is_shared


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({"effect": "maybe"}, "effect", id="no effect of ours"),
        pytest.param({"server": "Git Hub"}, "server", id="a name that no server can have"),
        pytest.param({"action": "tools/call"}, "action", id="a method with a slash"),
        pytest.param({"action": ""}, "action", id="no action"),
        pytest.param({"action": "tool.call"}, "action", id="nearly a noun of MCP"),
        pytest.param({"action": "mcp.Tools.call"}, "action", id="another case"),
        pytest.param({"action": "tools.cal"}, "action", id="nearly a method of MCP"),
        pytest.param({"action": "tools.x*"}, "action", id="a pattern of no method"),
        pytest.param({"action": "tools"}, "action", id="a noun alone"),
        pytest.param({"named": ""}, "named", id="an empty name"),
        pytest.param({"action": "keys.write"}, "action", id="an API action on a server"),
        pytest.param({"server": "", "action": "tools.call"}, "action", id="an MCP action without a server"),
        pytest.param({"server": "", "action": "keys.wriet"}, "action", id="a typing error"),
        pytest.param({"server": "", "action": "keys.read", "named": "x"}, "named", id="a named API action"),
    ],
)
def test_a_permission_that_can_never_match_is_refused(given, field):
    usual = {"effect": "allow", "server": "files", "action": "tools.call", "named": "*"}

    with pytest.raises(InvalidInput, match=f"^{field}: "):
        checked(**(usual | given))


@pytest.mark.parametrize(
    "action", ["vendor.do", "tasks.get", "*.list", "tools.*", "tools.c*", "resources.re*"]
)
def test_methods_of_vendors_and_patterns_of_ours_are_held(action):
    assert checked(effect="deny", server="files", action=action).action == action


def test_mcp_actions_have_one_spelling():
    held = checked(effect="deny", server="files", action="mcp.tools.call")

    assert held == Permission("deny", "files", "tools.call", "*")
    assert checked(effect="deny", server="*", action="mcp.*").action == "*"


def test_a_role_brings_scopes_that_leave_it_to_govern():
    assert wide_scopes(ADMIN.permissions) == ("*",)
    assert "keys.own" in wide_scopes(DEVELOPER.permissions)
    viewer = wide_scopes(VIEWER.permissions)
    assert viewer[0] == "mcp.*"
    assert {"traces.read", "keys.read"} < set(viewer)
    assert not any(action.endswith((".write", ".own")) for action in viewer)
