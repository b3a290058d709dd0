"""Sealing of what must not be read at rest: AES-256-GCM under one key, bound to its place.

Used for upstream headers in the control store and for session ids given to clients. The
additional data (`bound_to`) names tenant and row: a sealed value moved elsewhere fails to open.
"""

import os
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatewayops.base.errors import GatewayOpsError

_NONCE_BYTES = 12


class SealBroken(GatewayOpsError):
    """A sealed value was changed, moved to another row, or sealed with another key."""


class Opener(Protocol):
    """What opens sealed values: a Sealer, or a keyring of many keys."""

    def open(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """The plain bytes; raises SealBroken."""


class Sealer:
    """Seals and opens bytes with one 32-byte key."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError unless the key is 32 bytes."""
        if len(key) != 32:
            msg = "a sealing key has 32 bytes"
            raise ValueError(msg)
        self._aes = AESGCM(key)

    def seal(self, plain: bytes, *, bound_to: bytes) -> bytes:
        """Nonce and ciphertext; the same input gives another output each time."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aes.encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """The plain bytes; raises SealBroken for anything that this key did not seal for this place."""
        try:
            return self._aes.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError) as error:
            msg = "a sealed value does not open: changed, moved, or sealed with another key"
            raise SealBroken(msg) from error


def secret_file(path: Path, *, length: int = 32) -> bytes:
    """The secret kept in `path` (mode 0600), made on first use; safe when two start at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")  # threads of one process meet here too
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(length))
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _flush_folder(path.parent)
    return path.read_bytes()


def _flush_folder(folder: Path) -> None:
    """A key that a power cut takes away would take what it seals along."""
    if os.name == "nt":  # no folder can be flushed there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
