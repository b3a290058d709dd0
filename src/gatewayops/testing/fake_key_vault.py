"""A stand-in for Azure Key Vault: its REST API for keys, over TLS on loopback, with real RSA.

Microsoft offers no emulator. Requests and answers are those of the REST reference (7.x); Azure's own SDK is
the client, with its challenge, its tokens and its TLS. It differs from the vault in this: any bearer token
counts, the certificate is its own, and only get, rotate, wrapkey and unwrapkey of RSA keys exist.
"""

import base64
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

_PATH = re.compile(
    r"/keys/(?P<name>[a-z0-9-]+)(?:/(?P<version>[0-9a-f]{32}))?/?(?P<action>rotate|wrapkey|unwrapkey)?"
)
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class FakeKeyVault:
    """`certificate` is the file that clients must trust; `versions` are the key's, oldest first."""

    def __init__(self, url: str, certificate: Path) -> None:
        """Has the key `gatewayops` in its first version."""
        self.url = url
        self.certificate = certificate
        self.versions: dict[str, rsa.RSAPrivateKey] = {}
        self.is_denied = False
        self._add()

    def answer(self, path: str, body: dict[str, str]) -> tuple[int, Any]:
        """Status and body of an authenticated request."""
        found = _PATH.fullmatch(path)
        if self.is_denied:
            return 403, _error("Forbidden", "the caller has no permission on key")
        if found is None or found["name"] != "gatewayops":
            return 404, _error("KeyNotFound", "A key with that name was not found in this key vault.")
        if found["action"] == "rotate":
            self._add()
        version = found["version"] or list(self.versions)[-1]
        key = self.versions.get(version)
        if key is None:
            return 404, _error("KeyNotFound", "A key with that version was not found in this key vault.")
        kid = f"{self.url}/keys/gatewayops/{version}"
        if found["action"] in ("wrapkey", "unwrapkey"):
            return _wrapped(key, kid, body, unwraps=found["action"] == "unwrapkey")
        return 200, _bundle(key, kid)

    def _add(self) -> None:
        version = f"{len(self.versions) + 1:032x}"
        self.versions[version] = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _wrapped(key: rsa.RSAPrivateKey, kid: str, body: dict[str, str], *, unwraps: bool) -> tuple[int, Any]:
    value = _from_base64(body["value"])
    if body.get("alg") != "RSA-OAEP-256":
        return 400, _error("BadParameter", "the algorithm is not supported here")
    try:
        done = key.decrypt(value, _OAEP) if unwraps else key.public_key().encrypt(value, _OAEP)
    except ValueError:
        return 400, _error("BadParameter", "The parameter is incorrect.")
    return 200, {"kid": kid, "value": _base64(done)}


def _bundle(key: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
    public = key.public_key().public_numbers()
    return {
        "key": {
            "kid": kid, "kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"],
            "n": _base64(public.n.to_bytes(256)), "e": _base64(public.e.to_bytes(3)),
        },
        "attributes": {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_000},
    }  # fmt: skip


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _from_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def fake_key_vault(folder: Path) -> Iterator[FakeKeyVault]:
    """Serves until the block ends; `folder` gets its certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self.headers.get("Authorization", "").startswith("Bearer "):
                self._send(401, _error("Unauthorized", "AKV10000: Request is missing a Bearer token."))
                return
            self._send(*vault.answer(urlsplit(self.path).path, json.loads(raw or b"{}")))

        def _send(self, status: int, told: Any) -> None:  # noqa: ANN401 - JSON
            body = json.dumps(told).encode()
            self.send_response(status)
            if status == 401:
                tenant = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000"
                challenge = f'Bearer authorization="{tenant}", resource="https://vault.azure.net"'
                self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    vault = FakeKeyVault(f"https://127.0.0.1:{server.server_port}", certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of its own for 127.0.0.1, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake key vault")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "vault.crt", folder / "vault.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key
