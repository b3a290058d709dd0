"""Documents of strangers: only from where we may go, only so large, only so slow."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gatewayops.base.errors import GatewayOpsError
from gatewayops.upstream import guarded_fetch
from gatewayops.upstream.guarded_fetch import fetch

DOCUMENT = {"client_id": "https://client.example/app.json"}


@asynccontextmanager
async def answering(
    *pieces: bytes, pause_s: float = 0.0
) -> AsyncIterator[Callable[[], tuple[str, list[bytes]]]]:
    """A server on loopback that sends these pieces to whoever asks; gives its address and what was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause_s)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield lambda: (f"http://127.0.0.1:{port}/app.json", asked)


def reply(body: bytes, head: str = "HTTP/1.1 200 OK", **headers: str) -> bytes:
    lines = [head, f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).replace("_", "-").encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "url",
    [
        *("http://client.example/app.json", "https://127.0.0.1/app.json", "https://[::1]/app.json"),
        *("https://10.0.0.1/a", "https://192.168.1.1/a", "https://172.16.0.1/a", "https://169.254.169.254/a"),
        *("https://192.88.99.1/a", "https://[64:ff9b::7f00:1]/a", "https://[::ffff:127.0.0.1]/a"),
        *("https://[2002:7f00:1::]/a", "https://[fe80::1]/a", "https://[fc00::1]/a", "https://0.0.0.0/a"),
        *("https://2130706433/a", "https://0x7f.1/a", "https://localhost/a", "https://100.64.0.1/a"),
        *("https://user@client.example/a", "https://client.example/a#b", "file:///etc/passwd", "ftp://a/b"),
    ],
)
async def test_nothing_inside_is_ever_asked(url: str) -> None:
    with pytest.raises(GatewayOpsError):
        await fetch(url)


async def test_a_document_is_read_and_nothing_of_ours_is_sent() -> None:
    async with answering(reply(json.dumps(DOCUMENT).encode(), cache_control="public, max-age=120")) as server:
        url, asked = server()
        found = await fetch(url, allows_private=True)
    assert found.content == DOCUMENT
    assert found.fresh_s == 120
    assert b"authorization" not in asked[0].lower()
    assert b"cookie" not in asked[0].lower()


@pytest.mark.parametrize(
    ("cache_control", "fresh_s"),
    [
        ("", 3600),
        ("no-store", 60),
        ("no-cache, max-age=900", 60),
        ("max-age=0", 60),
        ("max-age=99999999", 86400),
    ],
)
async def test_a_document_is_kept_as_its_server_says_within_bounds(cache_control: str, fresh_s: int) -> None:
    async with answering(reply(b"{}", cache_control=cache_control)) as server:
        assert (await fetch(server()[0], allows_private=True)).fresh_s == fresh_s


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(b"", "HTTP/1.1 302 Found", location="http://169.254.169.254/"), id="a redirect"),
        pytest.param(reply(b"", "HTTP/1.1 404 Not Found"), id="not there"),
        pytest.param(reply(b"x" * 40_000), id="too large"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 40_000, id="too large without saying so"),
        pytest.param(reply(b"[" * 20_000), id="too deep"),
        pytest.param(reply(b"[]"), id="no object"),
        pytest.param(reply(b"\xff"), id="no text"),
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_what_is_no_document_is_refused(answer: bytes) -> None:
    async with answering(answer) as server:
        with pytest.raises(guarded_fetch.DocumentUnavailable):
            await fetch(server()[0], allows_private=True)


async def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rebinding: the second answer of the name server leads to the metadata of a cloud."""
    answers = iter(("127.0.0.1", "169.254.169.254", "169.254.169.254"))

    async def look_up(_host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    async with answering(reply(json.dumps(DOCUMENT).encode())) as server:
        url, asked = server()
        named = url.replace("127.0.0.1", "rebind.example")
        assert (await fetch(named, allows_private=True)).content == DOCUMENT
        assert b"host: rebind.example:" in asked[0].lower()
        with pytest.raises(GatewayOpsError, match="link-local"):
            await fetch(named, allows_private=True)


async def test_what_went_wrong_is_said_without_where_a_name_leads_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and listens not
        with pytest.raises(GatewayOpsError, match="nothing there takes the connection"):
            await fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/a.json", allows_private=True)

    async def inside(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("10.20.30.40", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", inside)
    with pytest.raises(GatewayOpsError, match="leads to an address that is private") as refused:
        await fetch("https://intranet.example/a.json")
    assert "10.20" not in refused.value.detail


async def test_a_slow_server_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_fetch, "_TIMEOUT_S", 0.2)
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
    async with answering(head, *(b"{" for _ in range(100)), pause_s=0.05) as server:
        with pytest.raises(guarded_fetch.DocumentUnavailable, match="did not answer"):
            await fetch(server()[0], allows_private=True)
