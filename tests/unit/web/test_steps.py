"""Transformations and patterns as people type them."""

import pytest

from gatewayops.web.rest import Refused
from gatewayops.web.servers.steps import patterns, steps, told

LINES = 'set /options/limit 100\nrename /q sql\nremove /debug\nset /name "a b"'


def test_lines_become_steps_and_steps_become_the_lines_again():
    made = steps(LINES, "Arguments")

    assert made[0] == {"op": "set", "path": "/options/limit", "value": 100}
    assert made[1] == {"op": "rename", "path": "/q", "to": "sql"}
    assert told(made) == LINES.split("\n")


@pytest.mark.parametrize("line", ["drop /a", "set /a", "set /a {", "rename /a", "remove", "remove /a b"])
def test_a_line_that_is_none_is_named(line):
    with pytest.raises(Refused, match="Arguments, line 2"):
        steps(f"remove /a\n{line}", "Arguments")


def test_a_pattern_may_hold_what_sets_its_parts_apart():
    assert patterns("own = block = a=b") == [{"name": "own", "mode": "block", "pattern": "a=b"}]
    with pytest.raises(Refused, match="line 1"):
        patterns("only a name")
