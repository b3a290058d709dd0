"""What lies where in the data directory, and the secrets in it that this installation made for itself.

Every role gets its paths and keys from here. The directory is readable by its owner only.
"""

import errno
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gatewayops.base.crypto import Sealer, secret_file
from gatewayops.base.errors import Unavailable

STORE_PORT = 8082  # of a `store` role that is started by hand


class DataDirectoryRefused(Unavailable):
    """The data directory cannot be made or written."""


@dataclass(frozen=True)
class DataDirectory:
    """`root` holds control.db, snapshot.msgpack, gatewayops.toml and the folders below."""

    root: Path

    @property
    def run(self) -> Path:
        """Locks and addresses of what runs now."""
        return self.root / "run"

    @property
    def spool(self) -> Path:
        """Calls that are not yet stored."""
        return self.root / "spool"

    @property
    def otlp(self) -> Path:
        """What was exported to us and is not yet stored; a folder a signal."""
        return self.root / "otlp"

    @property
    def state(self) -> Path:
        """How far the recorders have come."""
        return self.root / "state"

    @property
    def exports(self) -> Path:
        """Calls that wait for export destinations."""
        return self.root / "export"

    @property
    def outbox(self) -> Path:
        """Mail as files, while no mail server is set."""
        return self.root / "outbox"

    @property
    def demo_marks(self) -> Path:
        """What `demo seed` made, for `demo remove`."""
        return self.root / "demo-data.json"

    @property
    def demo_files(self) -> Path:
        """What the demo server lists."""
        return self.root / "demo-files"

    def prepare(self) -> "DataDirectory":
        """Makes what is missing, mode 0700. Raises DataDirectoryRefused."""
        try:
            for folder in (self.root, self.run, self.spool, self.otlp, self.state, self.secrets):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.root.chmod(0o700)
        except OSError as error:
            msg = f"the data directory {self.root} cannot be used: {error.strerror}"
            raise DataDirectoryRefused(msg) from error
        return self

    @property
    def control_socket(self) -> Path:
        """Where the running control role takes the administrator's commands: who may open it is that."""
        return self.run / "control.sock"

    @property
    def secrets(self) -> Path:
        """Keys, each in a file of mode 0600."""
        return self.root / "secrets"

    def sealer(self) -> Sealer:
        """Seals upstream headers and session ids."""
        return Sealer(secret_file(self.secrets / "seal.key"))

    def internal_token(self) -> str:
        """What the roles show each other."""
        return secret_file(self.secrets / "internal.key").hex()

    def audit_seed(self) -> bytes:
        """What signs the audit log's checkpoints and exports."""
        return secret_file(self.secrets / "audit.key")

    def store_password(self) -> str:
        """What the embedded telemetry store asks for."""
        return secret_file(self.secrets / "store.key").hex()


def free_port() -> int:
    """A loopback port that nothing listens on right now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listened_at(path: Path) -> bool:
    """Whether a process listens on the socket of that path; one that was killed leaves its file."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as asking:
        return asking.connect_ex(str(path)) == 0


def is_port_free(host: str, port: int) -> bool:
    """Whether a role could listen there; raises OSError for an address that is not this machine's."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
