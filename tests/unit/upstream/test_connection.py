"""One exchange after the other on raw connections: the pool's side of keep-alive, streams and failures."""

import asyncio

import pytest

from gatewayops.testing.fake_server import FakeServer
from gatewayops.upstream.connection import AnswerTooLarge
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.pool import Origin, Pool
from gatewayops.upstream.settings import UpstreamSettings

GET = b"GET /x HTTP/1.1\r\nhost: t\r\n\r\n"


@pytest.fixture
async def server():
    async with FakeServer() as fake:
        yield fake


@pytest.fixture
def pool(server):
    settings = UpstreamSettings(max_answer_bytes=1000)
    opened = Pool(Origin.of(server.url), settings, connect_timeout_s=2, allows_private=True)
    yield opened
    opened.close()


async def asked(pool, **options):
    exchange = await pool.send(GET, **options)
    await exchange.answered
    return exchange


async def read(exchange):
    chunks = []
    while chunk := await exchange.next_chunk():
        chunks.append(chunk)
    return chunks


def raw(*parts, ends="keep"):
    async def script(turn):
        for part in parts:
            await turn.write(part)
            await asyncio.sleep(0.01)
        if ends == "close":
            turn.close()
        elif ends == "reset":
            turn.reset()

    return script


async def test_status_headers_and_body_are_read_however_they_are_cut(server, pool):
    answer = b"HTTP/1.1 201 Made\r\nX-Spelled: One\r\ncontent-length: 3\r\nx-spelled:  two\r\n\r\nabc"
    server.script = raw(*(answer[at : at + 9] for at in range(0, len(answer), 9)))

    exchange = await asked(pool)

    assert (exchange.status, exchange.body) == (201, b"abc")
    assert [value for name, value in exchange.headers if name == b"x-spelled"] == [b"One", b"two"]
    assert exchange.header(b"x-spelled") == b"One"
    assert exchange.header(b"absent") == b""


async def test_each_answer_on_a_connection_is_its_own(server, pool):
    async def script(turn):
        number = len(server.requests)
        await turn.answer(b"%d" % number, headers=[(f"x-{number}", "1")])

    server.script = script
    answers = [await asked(pool) for _ in range(3)]

    assert [answer.body for answer in answers] == [b"1", b"2", b"3"]
    assert [len(answer.headers) for answer in answers] == [3, 3, 3]
    assert server.connections == 1


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx", b"HTTP/1.0 200 OK\r\n\r\nx"],
    ids=["close", "1.0"],
)
async def test_a_connection_that_may_not_be_kept_is_not(server, pool, head):
    server.script = raw(head, ends="close")
    for _ in range(2):
        assert (await asked(pool)).body == b"x"

    assert server.connections == 2


@pytest.mark.parametrize(
    ("parts", "ends", "got_bytes"),
    [
        pytest.param((), "close", False, id="nothing, closed"),
        pytest.param((), "reset", False, id="nothing, reset"),
        pytest.param((b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",), "close", True, id="half a body"),
        pytest.param((b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",), "reset", True, id="half, reset"),
        pytest.param(
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",), "close", True, id="no chunk"
        ),
        pytest.param((b"nonsense\r\n\r\n",), "keep", True, id="no HTTP"),
    ],
)
async def test_a_failure_says_whether_an_answer_had_begun(server, pool, parts, ends, got_bytes):
    server.script = raw(*parts, ends=ends)
    with pytest.raises(ConnectionBroken) as caught:
        await asked(pool)

    assert caught.value.got_bytes is got_bytes


async def test_a_whole_answer_is_bounded_and_a_stream_is_not(server, pool):
    server.script = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n" + b"x" * 1001)
    with pytest.raises(AnswerTooLarge):
        await asked(pool)

    server.script = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 2000\r\n\r\n", b"x" * 2000
    )
    assert len(b"".join(await read(await asked(pool)))) == 2000


async def test_the_bound_counts_each_answer_for_itself(server, pool):
    server.script = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + b"x" * 900)
    for _ in range(4):
        assert len((await asked(pool)).body) == 900


async def test_any_answer_is_a_stream_to_who_asks_so(server, pool):
    server.script = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab", b"cd")

    assert await read(await asked(pool, streams_all=True)) == [b"ab", b"cd"]


async def test_a_stream_that_breaks_gives_what_came_and_then_fails(server, pool):
    server.script = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        b"2\r\nab\r\n",
        ends="close",
    )
    exchange = await asked(pool)

    assert await exchange.next_chunk() == b"ab"
    with pytest.raises(ConnectionBroken):
        await exchange.next_chunk()


async def test_an_abort_closes_the_connection_and_wakes_who_waits(server, pool):
    gone = asyncio.Event()

    async def script(turn):
        await turn.hung_up()
        gone.set()

    server.script = script
    exchange = await pool.send(GET)
    await server.received(1)
    exchange.abort(ConnectionBroken("enough", got_bytes=False))

    with pytest.raises(ConnectionBroken, match="enough"):
        await exchange.answered
    async with asyncio.timeout(5):
        await gone.wait()


async def test_an_abort_after_the_end_harms_nobody(server, pool):
    first = await asked(pool)
    second = await pool.send(GET)
    first.abort(ConnectionBroken("too late", got_bytes=False))
    await second.answered

    assert server.connections == 1


async def test_bytes_while_idle_end_the_connection(server, pool):
    async def chatty(turn):
        await turn.answer(b"x")
        await turn.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison")
        await turn.hung_up()

    server.script = chatty
    assert (await asked(pool)).body == b"x"
    await asyncio.sleep(0.05)
    assert (await asked(pool)).body == b"x"

    assert server.connections == 2


async def test_a_second_answer_in_the_same_packet_ends_it_too(server, pool):
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
    server.script = raw(answer + answer.replace(b"x", b"y"))

    assert [(await asked(pool)).body for _ in range(3)] == [b"x"] * 3
    assert server.connections == 3
