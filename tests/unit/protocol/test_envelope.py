"""The envelope: what it reads out of a message, and that nothing of a message is lost on its way through."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.protocol import envelope
from gatewayops.protocol.envelope import BadEnvelope

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
KNOWN = {"jsonrpc", "id", "method", "params", "result", "error"}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
vendor = st.dictionaries(texts.map(lambda name: "x-" + name), values, max_size=3)


def encoded(message):
    return json.dumps(message).encode()


@given(vendor, vendor, vendor, vendor, st.integers() | texts)
def test_whatever_else_a_message_holds_comes_out_again(around, params, meta, arguments, rpc_id):
    message = {
        **around,
        "jsonrpc": "2.0",
        "id": rpc_id,
        "method": "tools/call",
        "params": {**params, "name": "echo", "arguments": arguments, "_meta": meta},
    }
    read = envelope.decode(encoded(message))
    sent = json.loads(read.encode(traceparent=PARENT))

    assert sent["params"]["_meta"].pop("traceparent") == PARENT
    assert sent == message
    assert json.loads(read.rpc_id) == rpc_id
    assert json.loads(read.arguments()) == arguments


@given(values)
def test_any_json_is_read_or_refused_and_nothing_else(value):
    with contextlib.suppress(BadEnvelope):
        assert envelope.decode(encoded(value)).method.name


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_nothing_else(raw):
    with pytest.raises(BadEnvelope):
        envelope.decode(b"\x01" + raw)


@given(st.sampled_from(["method", "params", "id", "jsonrpc", "result", "error"]), st.data())
def test_no_other_case_of_a_known_member_gets_through(name, data):
    flips = data.draw(st.lists(st.booleans(), min_size=len(name), max_size=len(name)))
    spelled = "".join(c.upper() if flip else c for c, flip in zip(name, flips, strict=True))
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}, spelled: {}}
    if spelled in KNOWN:
        return
    with pytest.raises(BadEnvelope, match="only by case"):
        envelope.decode(encoded(message))


@pytest.mark.parametrize(
    ("method", "params", "action", "name"),
    [
        ("tools/call", {"name": "echo"}, "tools.call", "echo"),
        ("prompts/get", {"name": "p"}, "prompts.get", "p"),
        ("resources/read", {"uri": "demo://x"}, "resources.read", "demo://x"),
        ("tools/list", {"name": "not a tool"}, "tools.list", ""),
        ("initialize", {}, "", ""),
        ("ping", None, "", ""),
        ("notifications/cancelled", {}, "", ""),
        ("vendor/own.thing", {"name": "x"}, "vendor.own.thing", ""),
    ],
)
def test_what_is_asked_is_read_off(method, params, action, name):
    message = {"jsonrpc": "2.0", "id": 1, "method": method}
    message |= {"params": params} if params is not None else {}
    read = envelope.decode(encoded(message))

    assert (read.method.name, read.method.action, read.name) == (method, action, name)
    assert read.is_request


def test_a_notification_owes_no_answer_and_is_not_stamped():
    note = {"jsonrpc": "2.0", "method": "notifications/initialized", "params": {"a": 1}}
    read = envelope.decode(encoded(note))

    assert not read.is_request
    assert json.loads(read.encode(traceparent=PARENT)) == note


def test_a_request_without_parameters_stays_without():
    read = envelope.decode(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')

    assert json.loads(read.encode(traceparent=PARENT)) == {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.mark.parametrize("member", ["result", "error"])
def test_an_answer_of_a_client_passes_as_it_is(member):
    answer = {"jsonrpc": "2.0", "id": "q1", member: {"x": 1}}
    read = envelope.decode(encoded(answer))

    assert read.method.name == "response"
    assert not read.is_request
    assert json.loads(read.encode(traceparent=PARENT)) == answer


def test_what_the_record_shows_is_the_arguments_else_the_parameters_without_meta():
    call = envelope.decode(
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":1}}}'
    )
    read = envelope.decode(
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"c","_meta":{}}}'
    )

    assert call.arguments() == b'{"b":1}'
    assert json.loads(read.arguments()) == {"cursor": "c"}


@pytest.mark.parametrize("version", [b"2026-07-28", b"2025-11-25"])
def test_of_members_of_meta_that_come_twice_the_one_that_is_compared_is_sent(version):
    key = b'"io.modelcontextprotocol/protocolVersion"'
    body = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{%b:"first",%b:"%b"}}}'
    )
    read = envelope.decode(body % (key, key, version))
    sent = read.encode(traceparent=PARENT)

    assert sent.count(key) == 1
    assert read.version in sent
