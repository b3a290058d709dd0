"""What the demo leaves in the data directory: its port, and its API key, sealed.

Read by the supervisor, which prints lines that work when pasted; written by the control role.
"""

import msgspec

from gatewayops.app.layout import DataDirectory, free_port, is_port_free
from gatewayops.base.crypto import SealBroken
from gatewayops.store import snapshot

SERVER_NAME = "demo"
_BOUND_TO = b"demo-key"


class DemoKey(msgspec.Struct, frozen=True):
    """The API key that `up --demo` shows at each start."""

    id: str
    secret: str


def read(data: DataDirectory) -> DemoKey | None:
    """The key of an earlier start; None when there is none, or it was sealed by another installation."""
    path = data.secrets / "demo-key"
    try:
        plain = data.sealer().open(path.read_bytes(), bound_to=_BOUND_TO)
        return msgspec.json.decode(plain, type=DemoKey)
    except (FileNotFoundError, SealBroken, msgspec.DecodeError):
        return None


def write(data: DataDirectory, key: DemoKey) -> None:
    """Keeps the key, in one step."""
    path = data.secrets / "demo-key"
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(data.sealer().seal(msgspec.json.encode(key), bound_to=_BOUND_TO))
    draft.replace(path)


def port(data: DataDirectory) -> int:
    """The port of the last start when it is still free, else a new one; kept for the next start."""
    path = data.run / "demo.json"
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=dict[str, int])["port"]
    except (FileNotFoundError, msgspec.DecodeError, KeyError):
        kept = 0
    if not kept or not is_port_free("127.0.0.1", kept):
        kept = free_port()
        path.write_bytes(msgspec.json.encode({"port": kept}))
    return kept


def is_served(data: DataDirectory, url: str) -> bool:
    """Whether the gateway's rules know the demo server at this address and the demo key."""
    key = read(data)
    try:
        rules = snapshot.decode((data.root / "snapshot.msgpack").read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return False
    knows_server = any(server.name == SERVER_NAME and server.url == url for server in rules.servers)
    return knows_server and key is not None and any(row.id == key.id for row in rules.keys)
