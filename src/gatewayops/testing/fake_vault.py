"""A stand-in for HashiCorp Vault: the HTTP API of its transit engine, over loopback, with real AES-256-GCM.

No Vault or OpenBao is to be had from the registries that tests may use. Paths, bodies and errors are those of
the API's documentation. It differs from Vault in this: one token that may do everything, one mount, keys of
type aes256-gcm96 only, no policies, leases, audit devices, seals, batches, `min_decryption_version` or TLS.
"""

import base64
import binascii
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PATH = re.compile(r"/v1/transit/(encrypt|decrypt|keys)/([a-z0-9-]+)(/rotate)?")
_CIPHERTEXT = re.compile(r"vault:v([0-9]+):(.+)")
_NONCE_BYTES = 12
_TOKEN = "root-of-the-test"  # noqa: S105 - opens the fake only


class FakeVault:
    """`token` is the one that it takes; `keys` holds the versions of each transit key, oldest first."""

    def __init__(self, url: str, token: str) -> None:
        """Has the key `gatewayops` in its first version."""
        self.url = url
        self.token = token
        self.keys: dict[str, list[bytes]] = {"gatewayops": [os.urandom(32)]}

    def answer(self, method: str, path: str, token: str, body: dict[str, str]) -> tuple[int, Any]:
        """Status and body of one request."""
        if token != self.token:
            return 403, {"errors": ["permission denied"]}
        found = _PATH.fullmatch(path)
        if found is None:
            return 404, {"errors": [f'no handler for route "{path}"']}
        action, name, rotates = found.groups()
        versions = self.keys.get(name)
        if versions is None:
            return (
                (404, {"errors": []}) if method == "GET" else (400, {"errors": ["encryption key not found"]})
            )
        if action == "keys":
            if rotates:
                versions.append(os.urandom(32))
            return 200, _told({"name": name, "type": "aes256-gcm96", "latest_version": len(versions)})
        place = base64.b64decode(body.get("associated_data", ""))
        return _encrypted(versions, body, place) if action == "encrypt" else _decrypted(versions, body, place)


def _encrypted(versions: list[bytes], body: dict[str, str], place: bytes) -> tuple[int, Any]:
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(versions[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), place or None)
    text = f"vault:v{len(versions)}:{base64.b64encode(sealed).decode()}"
    return 200, _told({"ciphertext": text, "key_version": len(versions)})


def _decrypted(versions: list[bytes], body: dict[str, str], place: bytes) -> tuple[int, Any]:
    found = _CIPHERTEXT.fullmatch(body["ciphertext"])
    if found is None or not 0 < int(found[1]) <= len(versions):
        return 400, {"errors": ["invalid ciphertext: no prefix"]}
    try:
        sealed = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return 400, {"errors": ["invalid ciphertext: could not decode base64"]}
    try:
        plain = AESGCM(versions[int(found[1]) - 1]).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place or None
        )
    except InvalidTag:
        return 400, {"errors": ["cipher: message authentication failed"]}
    return 200, _told({"plaintext": base64.b64encode(plain).decode()})


def _told(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "request_id": "00000000-0000-0000-0000-000000000000", "lease_id": "", "renewable": False,
        "lease_duration": 0, "data": found, "wrap_info": None, "warnings": None, "auth": None,
    }  # fmt: skip


@contextmanager
def fake_vault(*, token: str = _TOKEN) -> Iterator[FakeVault]:
    """Serves until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urlsplit(self.path).path
            sent = self.headers.get("X-Vault-Token", "")
            status, told = vault.answer(self.command, path, sent, json.loads(raw or b"{}"))
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vault = FakeVault(f"http://127.0.0.1:{server.server_port}", token)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
