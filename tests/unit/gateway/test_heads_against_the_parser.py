"""Whatever bytes come, in whatever pieces: with heads remembered the same requests begin as without."""

import itertools
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.server import ServerState

from gatewayops.gateway.head import Heads
from gatewayops.gateway.hosts import HostCheck
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.gateway.wire import BoundedHttp

HEADS = [
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 04\r\n\r\n",
    b"\r\nPOST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n",
    b"GET /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n",
    b"HEAD /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.0\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.0\r\nhost: localhost\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\nConnection: close\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\nExpect: 100-continue\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 4\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\ntransfer-encoding: chunked\r\n\r\n",
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: " + b"0" * 5000 + b"4\r\n\r\n",
]
UPGRADE = b"GET /v1/health HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
BODIES = [b"abcd", b"\r\n\r\n", b"ab", b"abcdefgh", b"GET ", b""]
OTHERS = [
    UPGRADE,
    b"POST /v1/mcp/a HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    b"GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"nonsense\r\n\r\n",
]


class Transport:
    """What a connection writes, and whether it closed."""

    def __init__(self):
        self.written = []
        self.is_closed = False
        self.is_paused = False

    def write(self, raw):
        self.written.append(raw)

    def close(self):
        self.is_closed = True

    abort = close

    def is_closing(self):
        return self.is_closed

    def get_extra_info(self, _name, default=None):
        return default

    def get_write_buffer_size(self):
        return 0

    def pause_reading(self):
        self.is_paused = True

    def resume_reading(self):
        self.is_paused = False


class Task:
    def add_done_callback(self, _):
        pass


class Loop:
    """Starts no task: the test answers."""

    def create_task(self, walk, **_):
        walk.close()
        return Task()


class Answers:
    """Writes at once."""

    def put(self, transport, raw):
        transport.write(raw)

    def flush(self):
        pass


class Forgetful(Heads):
    """Knows no head twice."""

    def remember(self, raw, head):
        pass


async def no_app(scope, receive, send):
    """Never called."""


class Client:
    """One connection after the other; what is remembered outlives them."""

    def __init__(self, heads_class):
        hosts = HostCheck(GatewaySettings(port=0))
        self.heads = heads_class(hosts)
        self._config = Config(no_app, ws="none", lifespan="off", log_config=None)
        self._config.load()
        self.connect()

    def connect(self):
        self.http = BoundedHttp(
            self._config,
            ServerState(),
            {},
            Loop(),
            answers=Answers(),
            heads=self.heads,
            short_way=SimpleNamespace(take=lambda _: False),
        )
        self.transport = Transport()
        self.http.connection_made(self.transport)

    def send(self, raw):
        if not self.transport.is_closed:
            self.http.data_received(raw)

    def state(self):
        cycle = self.http.cycle
        transport = self.transport
        return (
            None if cycle is None else shown(cycle),
            len(self.http.pipeline),
            self.http._is_between,
            bool(self.http.head_since),
            transport.written,
            transport.is_closed,
            transport.is_paused,
        )

    def answer(self, *, is_taken):
        """Answers the request that is under way, if there is one; with or without having read its body."""
        cycle = self.http._first or self.http.cycle
        if cycle is None or cycle.response_complete:
            return None
        body = cycle.whole_body() if is_taken else b"unread"
        cycle.answer(200, b"", b"ok")
        return shown(cycle), body


def shown(cycle):
    head = cycle.head
    return (
        (head.method, head.raw_path, head.query, head.protocol, head.lines, head.length, head.digest),
        (str(head.host_fault), head.passed, cycle.body, cycle.more_body, cycle.keep_alive),
        (cycle.response_started, cycle.response_complete, cycle._wants_continue),
    )


@st.composite
def streams(draw):
    """Some messages, most of them of the same heads, and where they are cut."""
    few = draw(st.lists(st.sampled_from(HEADS), min_size=1, max_size=2))
    whole = st.tuples(st.sampled_from(few), st.sampled_from(BODIES[:2])).map(b"".join)
    odd = st.tuples(st.sampled_from(few), st.sampled_from(BODIES)).map(b"".join)
    parts = draw(st.lists(st.one_of(whole, whole, whole, odd, st.sampled_from(OTHERS)), max_size=8))
    steps = []
    for part in parts:
        cuts = draw(st.lists(st.integers(0, len(part)), max_size=2))
        edges = [0, *sorted(cuts), len(part)]
        for begin, end in itertools.pairwise(edges):
            steps.append(("send", part[begin:end]))
            steps += draw(st.lists(st.tuples(st.just("answer"), st.booleans()), max_size=2))
    return steps if draw(st.booleans()) else joined(steps)


def joined(steps):
    """Neighbouring pieces come in one packet."""
    found = []
    for kind, what in steps:
        if kind == "send" and found and found[-1][0] == "send":
            found[-1] = ("send", found[-1][1] + what)
        else:
            found.append((kind, what))
    return found


@settings(max_examples=120, deadline=None)
@given(st.lists(streams(), min_size=1, max_size=4))
def test_remembering_heads_changes_nothing(connections):
    remembering, forgetful = Client(Heads), Client(Forgetful)
    for steps in connections:
        for client in (remembering, forgetful):
            client.connect()
        for kind, what in steps:
            if kind == "answer":
                assert remembering.answer(is_taken=what) == forgetful.answer(is_taken=what)
            elif what:
                remembering.send(what)
                forgetful.send(what)
            assert remembering.state() == forgetful.state()


@pytest.mark.parametrize("head", HEADS)
def test_only_whole_plain_requests_are_remembered(head):
    client = Client(Heads)
    client.send(head + b"abcd")
    body_at = head.find(b"\r\n\r\n") + 4

    known = client.heads.known(head[:body_at])

    assert (known is not None) == (head in HEADS[:3])


def test_who_hangs_up_behind_a_request_that_waits_is_gone_for_that_one_too():
    client = Client(Heads)
    call = HEADS[0] + b"abcd"
    client.send(call)
    first = client.http.cycle
    client.send(call * 2)
    client.http.connection_lost(None)

    assert first.disconnected
    assert client.http.cycle.disconnected


def test_so_is_the_second_when_the_first_was_answered():
    client = Client(Heads)
    call = HEADS[0] + b"abcd"
    client.send(call)
    client.send(call)
    second = client.http.cycle
    client.send(call)
    client.answer(is_taken=True)
    client.http.connection_lost(None)

    assert second.disconnected
    assert client.http.cycle.disconnected


@pytest.mark.parametrize(
    ("raw", "is_closed"),
    [
        (HEADS[10] + b"abcd", True),
        (HEADS[10], True),
        (HEADS[9] + b"abcd", True),
        (HEADS[9], True),
        (UPGRADE, False),
        (UPGRADE + HEADS[0] + b"abcd", True),
    ],
    ids=["CONNECT", "its head", "body", "body to come", "plain upgrade", "plain upgrade and more"],
)
def test_a_connection_on_which_the_next_request_is_not_sure_ends(raw, is_closed):
    client = Client(Heads)
    client.send(raw)
    client.answer(is_taken=True)

    assert len(client.transport.written) == 1
    assert client.transport.is_closed is is_closed


def test_an_answer_after_a_streams_head_is_no_second_head():
    client = Client(Heads)
    client.send(HEADS[0] + b"abcd")
    cycle = client.http.cycle
    cycle.response_started = True
    cycle.answer(500, b"", b"oops")

    assert client.transport.written == []
    assert client.transport.is_closed
