"""Recorded bodies are shown as JSON where they are, and as they are where they are not."""

import pytest

from gatewayops.query.trace_rows import body_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("", None, id="nothing recorded"),
        pytest.param('{"path":"/src"}', {"path": "/src"}, id="an object"),
        pytest.param("[1,", "[1,", id="cut"),
        pytest.param("plain text", "plain text", id="text"),
        pytest.param("null", None, id="null"),
    ],
)
def test_a_body_becomes_a_value(text, value):
    assert body_value(text) == value


def test_a_body_nested_deeper_than_python_goes_is_text() -> None:
    text = "[" * 20_000 + "]" * 20_000
    assert body_value(text) == text
