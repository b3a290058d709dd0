"""The snapshot: all that a gateway must know to serve, as one immutable object.

The control role builds it from the control store and hands it out; gateways keep a copy on disk
(msgpack) and serve from it while everything else is down. It holds hashes and sealed values only.
"""

import os
from pathlib import Path

import msgspec

ANY = "*"


class SecretRow(msgspec.Struct, frozen=True):
    """One secret of a key: during a rotation a key has two. Times are Unix seconds."""

    prefix: str  # `gwo_prod_a1b2`
    hash: str  # bcrypt
    key_id: str
    valid_until: float | None = None


class KeyRow(msgspec.Struct, frozen=True):
    """An API key that is not revoked. `servers` and `actions` may hold `*` and `tools.*` patterns."""

    id: str
    org_id: str
    name: str
    env: str
    servers: tuple[str, ...]
    actions: tuple[str, ...]
    user_id: str = ""
    team_id: str = ""
    project_id: str = ""
    expires_at: float | None = None


class ServerRow(msgspec.Struct, frozen=True):
    """An MCP server behind the gateway. `sealed_headers` opens to a JSON object, bound to org and id."""

    id: str
    org_id: str
    name: str
    url: str
    timeout_s: float
    connect_timeout_s: float
    retries: int
    max_in_flight: int
    allows_private: bool
    sealed_headers: bytes = b""

    def bound_to(self) -> bytes:
        """What its sealed values are bound to."""
        return server_binding(self.org_id, self.id)


class PriceRow(msgspec.Struct, frozen=True):
    """A price rule; empty `server` or `tool` means any. Whole micro-dollars, tokens by the million."""

    org_id: str
    server: str
    tool: str
    per_call_micros: int
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class OrgRow(msgspec.Struct, frozen=True):
    """An organisation's settings that count on the path of a call."""

    id: str
    masks_contacts: bool = False  # also mask e-mail addresses and phone numbers


class Snapshot(msgspec.Struct, frozen=True):
    """Everything at one revision of the control store."""

    revision: int
    made_at: float
    orgs: tuple[OrgRow, ...] = ()
    keys: tuple[KeyRow, ...] = ()
    secrets: tuple[SecretRow, ...] = ()
    servers: tuple[ServerRow, ...] = ()
    prices: tuple[PriceRow, ...] = ()


EMPTY = Snapshot(revision=-1, made_at=0.0)


def server_binding(org_id: str, server_id: str) -> bytes:
    """The additional data under which a server's headers are sealed."""
    return f"server:{org_id}:{server_id}".encode()


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot as msgpack."""
    return msgspec.msgpack.encode(snapshot)


def decode(raw: bytes) -> Snapshot:
    """The snapshot from msgpack; raises msgspec.ValidationError or DecodeError for anything else."""
    return msgspec.msgpack.decode(raw, type=Snapshot)


def write_file(path: Path, raw: bytes) -> None:
    """Replaces the copy on disk in one step, readable by the owner only; several workers share one copy."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}.new")
    draft.touch(mode=0o600)
    draft.write_bytes(raw)
    draft.replace(path)
