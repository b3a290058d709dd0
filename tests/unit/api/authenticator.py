"""Authenticators in software: passkeys with real attestations and assertions, and an app that shows codes.

Codes are of the moment: tests that send them stop the clock (`still_clock`).
"""

import base64
import hashlib
import json
import struct
from typing import Any

import cbor2
import httpx
import pyotp
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from gatewayops.base import clock

ORIGIN = "https://ops.example.com"
_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey. The fields may be changed, so that it lies."""

    def __init__(
        self, name: bytes = b"a passkey", *, origin: str = ORIGIN, rp_id: str = "ops.example.com"
    ) -> None:
        self.id = hashlib.sha256(name).digest()
        self.key = generate_private_key(SECP256R1())
        self.origin = origin
        self.rp_id = rp_id
        self.count = 0
        self.flags = _PRESENT | _VERIFIED
        self.user = b""

    @property
    def told_id(self) -> str:
        """Its id as browsers write it."""
        return _text(self.id)

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """navigator.credentials.create(): the credential as JSON."""
        self.user = _plain(options["user"]["id"])
        point = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(public)
        raw = self._data(_ATTESTED) + attested
        answer = {
            "clientDataJSON": self._client("webauthn.create", options),
            "attestationObject": _text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": raw})),
            "transports": ["internal", "made-up"],
        }
        return self._credential(answer)

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """navigator.credentials.get()."""
        self.count += 1
        client = self._client("webauthn.get", options)
        raw = self._data(0)
        signed = self.key.sign(raw + hashlib.sha256(_plain(client)).digest(), ECDSA(SHA256()))
        answer = {
            "clientDataJSON": client,
            "authenticatorData": _text(raw),
            "signature": _text(signed),
            "userHandle": _text(self.user),
        }
        return self._credential(answer)

    def _data(self, more: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + struct.pack(
            ">BI", self.flags | more, self.count
        )

    def _client(self, kind: str, options: dict[str, Any]) -> str:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return _text(json.dumps(said).encode())

    def _credential(self, answer: dict[str, Any]) -> dict[str, Any]:
        name = _text(self.id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": answer,
            "clientExtensionResults": {},
        }


class Phone:
    """An authenticator app: what it shows now, and at the steps after."""

    def __init__(self, secret: str) -> None:
        self.totp = pyotp.TOTP(secret)

    def code(self, *, steps: int = 0) -> str:
        return self.totp.generate_otp(int(clock.unix_s()) // 30 + steps)


async def add_totp(client: httpx.AsyncClient) -> tuple[Phone, list[str]]:
    """Sets an app up; the code of the step before now is used up. And the recovery codes."""
    begun = await client.post("/v1/auth/factors/totp")
    assert begun.status_code == 201, begun.text
    phone = Phone(begun.json()["secret"])
    done = await client.post("/v1/auth/factors/totp/confirm", json={"code": phone.code(steps=-1)})
    assert done.status_code == 200, done.text
    return phone, done.json()["recovery_codes"]


async def register(client: httpx.AsyncClient, made: Authenticator, name: str = "laptop") -> httpx.Response:
    """A new passkey of whoever the client is signed in as."""
    asked = await client.post("/v1/auth/factors/passkeys/options")
    assert asked.status_code == 200, asked.text
    body = {"name": name, "passkey": made.create(asked.json()["options"])}
    return await client.post("/v1/auth/factors/passkeys", json=body)


async def options(client: httpx.AsyncClient, pending_token: str = "") -> dict[str, Any]:
    """What a browser is asked for, to sign in."""
    asked = await client.post("/v1/auth/sign-in/passkey-options", json={"pending_token": pending_token})
    assert asked.status_code == 200, asked.text
    found: dict[str, Any] = asked.json()["options"]
    return found


async def enter(client: httpx.AsyncClient, made: Authenticator) -> httpx.Response:
    """Signs in by the passkey alone."""
    return await client.post("/v1/auth/sign-in/passkey", json={"passkey": made.get(await options(client))})


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
