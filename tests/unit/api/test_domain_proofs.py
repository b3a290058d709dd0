"""A domain is one's own when its web server says so, over https and in its own name."""

import asyncio
import datetime
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatewayops.api import sso_domains
from gatewayops.upstream import guarded_fetch

DOMAIN = "works.example"


def certificate(folder: Path, name: str) -> Path:
    """Of that name, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path = folder / f"{name}.pem"
    path.write_bytes(secret + made.public_bytes(pem))
    return path


class WebServer:
    """The domain's; `shows` is its document, and `is_asked_for` what was asked."""

    def __init__(self) -> None:
        self.shows: dict[str, Any] = {}
        self.asked: list[bytes] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = json.dumps(self.shows).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


@pytest.fixture(params=[DOMAIN])
async def web(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[WebServer]:
    """Runs on a free port, with a certificate of this name, which we trust; the domain is found here."""
    path, found = certificate(tmp_path, request.param), WebServer()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]

    async def resolve(*_: object, **__: object) -> list[str]:
        return ["127.0.0.1"]

    trusting = ssl.create_default_context(cafile=str(path))
    monkeypatch.setattr(guarded_fetch, "resolve", resolve)
    monkeypatch.setattr(guarded_fetch, "_tls", lambda: trusting)
    real = sso_domains.document_url
    at_port = lambda known: real(known).replace(DOMAIN, f"{DOMAIN}:{port}")  # noqa: E731
    monkeypatch.setattr(sso_domains, "document_url", at_port)
    async with server:
        yield found


@pytest.fixture
async def owner(client_of: Any, provider: dict[str, Any]) -> httpx.AsyncClient:
    """Somebody who holds everything in the organisation, but nothing at the machine."""
    client: httpx.AsyncClient = await client_of("org_default", "*")
    return client


async def claimed(owner: httpx.AsyncClient) -> dict[str, Any]:
    made = await owner.post("/v1/sso-domains", json={"domain": DOMAIN, "provider": "code"})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()["domain"]
    return found


async def verified(owner: httpx.AsyncClient) -> httpx.Response:
    return await owner.post(f"/v1/sso-domains/{DOMAIN}/verify")


async def test_the_document_of_the_domain_s_own_web_server_verifies_it(
    owner: httpx.AsyncClient, web: WebServer
) -> None:
    claim = await claimed(owner)
    assert claim["document_url"] == f"https://{DOMAIN}/.well-known/gatewayops-domain.json"
    web.shows = claim["document"] | {"gatewayops-domain": "of another claim"}
    refused = await verified(owner)
    assert (refused.status_code, "something else" in refused.text) == (400, True)

    web.shows = claim["document"]
    done = await verified(owner)

    assert (done.status_code, done.json()["domain"]["verified_by"]) == (200, "document")
    assert b"GET /.well-known/gatewayops-domain.json HTTP/1.1" in web.asked[-1]


@pytest.mark.parametrize("web", ["elsewhere.example"], indirect=True)
async def test_a_web_server_without_the_domain_s_certificate_proves_nothing(
    owner: httpx.AsyncClient, web: WebServer
) -> None:
    web.shows = (await claimed(owner))["document"]
    refused = await verified(owner)
    assert (refused.status_code, "does not show the document" in refused.text) == (400, True)
    assert web.asked == []
