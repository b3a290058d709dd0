"""Cursors come back as they were, and nothing else is taken for one."""

import pytest

from gatewayops.base.errors import InvalidInput
from gatewayops.query import cursor
from gatewayops.query.cursor import Cursor


def test_a_cursor_comes_back():
    given = Cursor(1_760_000_400_123_456_789, "ab" * 16, -5, 2**62)

    assert cursor.decode(cursor.encode(given)) == given


@pytest.mark.parametrize("text", ["x", "!!!", "é", "AAAA", "gqFh", "a" * 500, "=" * 10, "kgGhYQ\n"])
def test_other_text_is_refused(text):
    with pytest.raises(InvalidInput, match="cursor"):
        cursor.decode(text)
