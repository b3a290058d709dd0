"""Signed statements of the audit log: checkpoints, and manifests of exports. Ed25519 (RFC 8032)."""

from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_CHECKPOINT = b"gatewayops/audit/checkpoint/1\x00"
_MANIFEST = b"gatewayops/audit/manifest/1\x00"


class Checkpoint(msgspec.Struct, frozen=True):
    """That the first `size` entries of the log have this Merkle root and this hash of the last. Hex."""

    log: str  # the organisation's id
    size: int
    root: str
    head: str
    at: str
    key: str  # the public key
    signature: str = ""

    def line(self) -> str:
        """As it is exported and anchored: one JSON object."""
        return msgspec.json.encode(self).decode()

    def is_genuine(self) -> bool:
        """Whether the key in it signed it. Whether that is the right key is for the caller to know."""
        return _is_signed(self.key, self.signature, _CHECKPOINT + _unsigned(self))


class Signer:
    """Holds the private key."""

    def __init__(self, seed: bytes) -> None:
        """`seed` has 32 bytes and stays secret."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw().hex()

    def checkpoint(self, *, log: str, size: int, root: bytes, head: bytes, at: str) -> Checkpoint:
        """A signed statement."""
        plain = Checkpoint(log=log, size=size, root=root.hex(), head=head.hex(), at=at, key=self.public_key)
        signature = self._key.sign(_CHECKPOINT + _unsigned(plain)).hex()
        return msgspec.structs.replace(plain, signature=signature)

    def manifest(self, tree: dict[str, Any]) -> dict[str, Any]:
        """The tree with `key` and `signature`."""
        named = {**tree, "key": self.public_key}
        return {**named, "signature": self._key.sign(_MANIFEST + canonical(named)).hex()}


def is_manifest_genuine(tree: dict[str, Any]) -> bool:
    """Whether the key that the manifest names signed it, and nothing was changed since."""
    named = {name: value for name, value in tree.items() if name != "signature"}
    return _is_signed(str(tree.get("key", "")), str(tree.get("signature", "")), _MANIFEST + canonical(named))


def canonical(tree: dict[str, Any]) -> bytes:
    """JSON with sorted members and no blanks."""
    return msgspec.json.encode(tree, order="sorted")


def _unsigned(checkpoint: Checkpoint) -> bytes:
    tree = msgspec.structs.asdict(checkpoint)
    del tree["signature"]
    return canonical(tree)


def _is_signed(key: str, signature: str, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True
