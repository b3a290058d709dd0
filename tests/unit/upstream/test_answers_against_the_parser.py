"""Whatever a server sends, in whatever pieces: with heads remembered the same answers come as without."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayops.upstream.answer_head import AnswerHeads
from gatewayops.upstream.connection import Connection

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n"
HEADS = [
    OK,
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 04\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n",
    b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    b"HTTP/1.1 103 Early Hints\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nconnection: upgrade\r\nupgrade: x\r\ncontent-length: 4\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"\r\n" + OK,
]
BODIES = [b"abcd", b"\r\n\r\n", b"ab", b"abcdefgh", b""]
OTHERS = [
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\ncontent-length: 4\r\n\r\n",
    b"\r\n",
    b"nonsense\r\n\r\n",
]


class Transport:
    """Takes what is written; says whether it was closed."""

    def __init__(self):
        self.is_closed = False

    def write(self, raw):
        pass

    def close(self):
        self.is_closed = True

    abort = close

    def pause_reading(self):
        pass

    resume_reading = pause_reading


class Forgetful(AnswerHeads):
    """Knows no head twice."""

    def remember(self, *_):
        pass


class Server:
    """One connection after the other to it; what is remembered outlives them."""

    def __init__(self, heads):
        self.heads = heads
        self.connect()

    def connect(self):
        self.changes = 0
        self.exchange = None
        self.connection = Connection(max_answer_bytes=7, on_change=self._changed, heads=self.heads)
        self.transport = Transport()
        self.connection.connection_made(self.transport)

    def _changed(self, _):
        self.changes += 1

    def ask(self, *, streams_all):
        busy = self.exchange is not None and not self.exchange.is_complete
        if not busy and not self.connection.is_closed:
            self.exchange = self.connection.start(b"GET /", streams_all=streams_all)

    def send(self, raw):
        if not self.transport.is_closed:
            self.connection.data_received(raw)

    def end(self, _):
        if not self.transport.is_closed:
            self.transport.close()
            self.connection.connection_lost(None)

    def state(self):
        return (*shown(self.exchange), self.changes, self.connection.is_closed, self.transport.is_closed)


def shown(exchange):
    if exchange is None:
        return ()
    failure = exchange.failure
    return (
        exchange.status,
        getattr(exchange, "headers", None),
        exchange.body,
        exchange.is_stream,
        exchange.is_complete,
        list(exchange._chunks),
        None if failure is None else (type(failure), str(failure), getattr(failure, "got_bytes", None)),
    )


@st.composite
def conversations(draw):
    """Some answers, most of them of the same heads, each asked for or not, and where they are cut."""
    few = draw(st.lists(st.sampled_from(HEADS), min_size=1, max_size=2))
    whole = st.tuples(st.sampled_from(few), st.sampled_from(BODIES[:2])).map(b"".join)
    odd = st.tuples(st.sampled_from(few), st.sampled_from(BODIES)).map(b"".join)
    steps = []
    for part in draw(st.lists(st.one_of(whole, whole, whole, odd, st.sampled_from(OTHERS)), max_size=8)):
        if draw(st.integers(0, 9)):
            steps.append(("ask", draw(st.integers(0, 9)) == 0))
        edges = [0, *sorted(draw(st.lists(st.integers(0, len(part)), max_size=2))), len(part)]
        steps += [("send", part[begin:end]) for begin, end in itertools.pairwise(edges)]
    if draw(st.booleans()):
        steps.append(("end", None))
    return steps


@settings(max_examples=200, deadline=None)
@given(st.lists(conversations(), min_size=1, max_size=4))
def test_remembering_heads_changes_nothing(connections):
    async def compared():
        remembering, forgetful = Server(AnswerHeads()), Server(Forgetful())
        for steps in connections:
            for server in (remembering, forgetful):
                server.connect()
            for kind, what in steps:
                for server in (remembering, forgetful):
                    play(server, kind, what)
                assert remembering.state() == forgetful.state()

    asyncio.run(compared())


def play(server, kind, what):
    if kind == "ask":
        server.ask(streams_all=what)
    elif kind == "end":
        server.end(what)
    elif what:
        server.send(what)


@pytest.mark.parametrize("head", HEADS)
async def test_only_what_is_kept_alive_and_whole_is_remembered(head):
    server = Server(AnswerHeads())
    server.ask(streams_all=False)
    server.send(head + b"abcd")

    is_known = server.heads.known(head) is not None

    assert is_known == (head in (OK, HEADS[2], HEADS[5], HEADS[12], HEADS[16]))


async def test_an_answer_that_nobody_asked_for_is_nobodys():
    server = Server(AnswerHeads())
    for _ in range(2):
        server.ask(streams_all=False)
        server.send(OK + b"abcd")
    server.send(OK + b"evil")

    assert server.transport.is_closed
    assert server.exchange.body == b"abcd"
