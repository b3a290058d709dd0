"""A head that came before, byte for byte, needs no parser: what may not change by that."""

import pytest

_TURNS = 3


@pytest.fixture
def call(gateway):
    """The bytes of a call that come again: head and body."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":1}}}'
    return gateway.head(
        "POST", "/v1/mcp/tools", headers={"content-type": "application/json"}, length=len(body)
    ), body


@pytest.fixture
async def line(gateway, call):
    """A connection on which this head came often enough to be known."""
    opened = await gateway.connect()
    for _ in range(_TURNS):
        await opened.send(b"".join(call))
        assert (await opened.read_answer()).status == 200
    return opened


async def test_each_is_a_call_of_its_own(gateway, server, line, call):
    await line.send(b"".join(call))

    assert (await line.read_answer()).status == 200
    await gateway.recorded(_TURNS + 1)
    assert len({record.span_id for record in gateway.records()}) == _TURNS + 1
    assert len(server.requests) == _TURNS + 1


@pytest.mark.parametrize(
    "cut", [1, 40, -5, None], ids=["first byte", "in the head", "in the body", "between"]
)
async def test_it_may_come_in_pieces(line, call, cut):
    head, body = call
    whole = head + body
    at = len(head) if cut is None else cut
    await line.send(whole[:at])
    await line.send(whole[at:])

    assert (await line.read_answer()).status == 200


async def test_two_at_once_are_answered_in_turn(line, call):
    await line.send(b"".join(call) * 2)

    assert [(await line.read_answer()).status for _ in range(2)] == [200, 200]


async def test_what_follows_the_beginning_of_another_request_is_part_of_that(line, call):
    """Were it taken for a call, a proxy in front and we would disagree on where requests begin."""
    beginning = b"POST /v1/mcp/nowhere HTTP/1.1\r\nx-swallowed: "
    await line.send(b"".join(call) + beginning)
    assert (await line.read_answer()).status == 200
    await line.send(b"".join(call))

    assert (await line.read_answer()).status in (400, 403, 404)


async def test_a_longer_body_than_announced_is_not_read_as_the_body(line, call):
    await line.send(b"".join(call) + b"}}}} HTTP/1.1\r\n\r\n")

    assert (await line.read_answer()).status == 400


async def test_a_revoked_key_is_denied_whatever_is_known_of_its_head(gateway, rules, line, call):
    rules.secrets = [secret for secret in rules.secrets if secret.key_id != "key_main"]
    await gateway.apply()
    await line.send(b"".join(call))

    assert (await line.read_answer()).status == 401


async def test_a_known_head_does_not_vouch_for_its_body(line, call):
    head, body = call
    await line.send(head + b"[" + body[1:])

    assert (await line.read_answer()).status == 400
