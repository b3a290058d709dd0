"""Connections kept, opened, refused and closed."""

import asyncio
import datetime
import ipaddress
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatewayops.testing.fake_server import FakeServer, echo
from gatewayops.testing.peer_process import free_port
from gatewayops.upstream.address import AddressRefused
from gatewayops.upstream.pool import ConnectTimeout, Origin, Pool, UpstreamUnreachable
from gatewayops.upstream.settings import UpstreamSettings

GET = b"GET /x HTTP/1.1\r\nhost: t\r\n\r\n"


@pytest.fixture
async def server():
    async with FakeServer() as fake:
        yield fake


@pytest.fixture
def pool_of():
    opened = []

    def make(url, *, connect_timeout_s=2.0, allows_private=True, **settings):
        pool = Pool(
            Origin.of(url),
            UpstreamSettings(**settings),
            connect_timeout_s=connect_timeout_s,
            allows_private=allows_private,
        )
        opened.append(pool)
        return pool

    yield make
    for pool in opened:
        pool.close()


async def asked(pool):
    exchange = await pool.send(GET)
    await exchange.answered
    return exchange


def waits(gate):
    async def script(turn):
        await gate.wait()
        await turn.answer(b"x")

    return script


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://h/x", Origin("h", 80, False)),
        ("https://h/x?y", Origin("h", 443, True)),
        ("http://H.example:8080", Origin("h.example", 8080, False)),
        ("https://[::1]:1/x", Origin("::1", 1, True)),
    ],
)
def test_a_url_leads_to_its_origin(url, origin):
    assert Origin.of(url) == origin


async def test_parallel_requests_have_connections_of_their_own_and_leave_so_many(server, pool_of):
    gate = asyncio.Event()
    server.script = waits(gate)
    pool = pool_of(server.url, max_idle=2)
    exchanges = await asyncio.gather(*(pool.send(GET) for _ in range(4)))
    await server.received(4)
    gate.set()
    await asyncio.gather(*(exchange.answered for exchange in exchanges))

    assert server.connections == 4
    assert len(pool._idle) == 2


async def test_the_newest_idle_connection_is_used_and_the_oldest_grow_old(server, pool_of):
    gate = asyncio.Event()
    server.script = waits(gate)
    pool = pool_of(server.url, idle_s=10)
    exchanges = [await pool.send(GET) for _ in range(2)]
    await server.received(2)
    gate.set()
    await asyncio.gather(*(exchange.answered for exchange in exchanges))
    now = asyncio.get_running_loop().time()
    pool._idle[0].idle_since = now - 11
    pool.close_idle(now)

    assert len(pool._idle) == 1
    await asked(pool)
    assert server.connections == 2


async def test_what_the_server_is_about_to_close_is_not_used_once_that_is_known(server, pool_of):
    """A call that crosses the close on its way would be lost."""
    gate = asyncio.Event()

    async def closes_later(turn):
        await turn.answer(b"x")
        await gate.wait()
        turn.close()

    server.script = closes_later
    pool = pool_of(server.url)
    await asked(pool)
    pool._idle[0].idle_since -= 5  # as if nobody had called for so long
    gate.set()
    while pool._idle:  # noqa: ASYNC110 - a protocol tells nobody that it was closed
        await asyncio.sleep(0)
    server.script = echo

    for idle_s, connections in ((0, 2), (3, 2), (4.5, 3), (0, 3)):
        if pool._idle:
            pool._idle[0].idle_since -= idle_s
        await asked(pool)
        assert server.connections == connections


async def test_closing_lets_what_is_under_way_end(server, pool_of):
    gate = asyncio.Event()
    server.script = waits(gate)
    pool = pool_of(server.url)
    exchange = await pool.send(GET)
    await server.received(1)
    pool.close()
    gate.set()
    await exchange.answered

    assert exchange.body == b"x"
    assert pool._idle == []


async def test_nobody_listening_is_unreachable(pool_of):
    with pytest.raises(UpstreamUnreachable, match="cannot be reached"):
        await asked(pool_of(f"http://127.0.0.1:{free_port()}/"))


async def test_a_server_that_accepts_nothing_is_a_timeout(pool_of):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        backlog = [socket.create_connection(deaf.getsockname())]
        try:
            with pytest.raises(ConnectTimeout):
                await asked(pool_of(f"http://127.0.0.1:{deaf.getsockname()[1]}/", connect_timeout_s=0.2))
        finally:
            backlog[0].close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/", "http://2130706433/"]
)
async def test_private_addresses_need_to_be_allowed(pool_of, url):
    with pytest.raises(AddressRefused):
        await asked(pool_of(url, allows_private=False))


async def test_cloud_metadata_is_never_reached(pool_of):
    with pytest.raises(AddressRefused):
        await asked(pool_of("http://169.254.169.254/"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def tls_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with FakeServer(tls=context) as fake:
        yield fake


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server, pool_of):
    with pytest.raises(UpstreamUnreachable, match="TLS"):
        await asked(pool_of(tls_server.url))
    assert tls_server.requests == []


async def test_a_certificate_of_a_trusted_authority_is_taken(tls_server, pool_of, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert (await asked(pool_of(tls_server.url))).status in (200, 202)


async def test_it_must_be_the_certificate_of_that_name(tls_server, pool_of, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with pytest.raises(UpstreamUnreachable, match="TLS"):
        await asked(pool_of(tls_server.url.replace("127.0.0.1", "localhost")))
