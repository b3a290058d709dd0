"""What a server answered, read just far enough."""

import pytest

from gatewayops.protocol.reply import parse


@pytest.mark.parametrize(
    ("raw", "is_answer"),
    [
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', True),
        (b'{"jsonrpc":"2.0","id":1,"result":null}', True),
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}', True),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', False),
        (b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}', False),
        (b'{"jsonrpc":"2.0","id":1}', False),
    ],
)
def test_an_answer_is_told_from_a_request(raw, is_answer):
    assert parse(raw).is_answer is is_answer


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"1", b"null", b"\xff", b"[" * 100_000, b'{"method":5}'])
def test_what_is_no_message_is_none(raw):
    assert parse(raw) is None


@pytest.mark.parametrize(
    ("answered", "asked", "is_same"),
    [
        (b"1", b"1", True),
        (b'"a"', b'"\\u0061"', True),
        (b"1", b"1.0", True),
        (b'"1"', b"1", False),
        (b"null", b"1", False),
        (b"2", b"1", False),
    ],
)
def test_ids_count_by_value_not_by_spelling(answered, asked, is_same):
    assert parse(b'{"id":%b,"result":{}}' % answered).answers(asked) is is_same


def test_the_payload_is_the_servers_own_bytes():
    assert parse(b'{"id":1,"result":{ "x":1.50 }}').payload() == b'{ "x":1.50 }'


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (b'{"code":-32602,"message":"no","data":{"x":1}}', -32602, "no"),
        (b"{}", 0, ""),
        (b'"text"', 0, "an error that is not an object"),
        (b'{"code":"x"}', 0, "an error that is not an object"),
    ],
)
def test_an_error_of_any_shape_is_a_failure(error, code, message):
    failure = parse(b'{"id":1,"error":%b}' % error).failure()

    assert (failure.code, failure.message) == (code, message)
