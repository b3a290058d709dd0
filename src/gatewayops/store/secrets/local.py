"""The master key in files of the data directory: `secrets/master-1.key`, `master-2.key`, …, mode 0600."""

import re
from pathlib import Path

from gatewayops.base.crypto import Sealer, secret_file
from gatewayops.store.secrets.master import MasterKeyUnavailable, Wrapped

_NAME = re.compile(r"master-([1-9][0-9]{0,8})\.key")


class LocalMaster:
    """Versions are numbers. Old files stay: whoever restores an older database needs them."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the data directory's `secrets`; the first file is made when it is first needed."""
        self._folder = folder

    def newest(self) -> str:
        """The highest number."""
        numbers = [
            int(found[1])
            for path in self._folder.glob("master-*.key")
            if (found := _NAME.fullmatch(path.name))
        ]
        return str(max(numbers, default=1))

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        """AES-256-GCM, bound to the place."""
        version = self.newest()
        sealer = Sealer(secret_file(self._path(version)))
        return Wrapped(version, sealer.seal(key, bound_to=place.encode()))

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        """Raises MasterKeyUnavailable when the file is gone, SealBroken for another's key."""
        path = self._path(wrapped.version)
        if not path.is_file():
            msg = f"the master key {path.name} is missing in {self._folder}"
            raise MasterKeyUnavailable(msg)
        return Sealer(secret_file(path)).open(wrapped.blob, bound_to=place.encode())

    def rotate(self) -> str:
        """Makes the file of the next number; the first one, if there was none, is made too."""
        newest = self.newest()
        secret_file(self._path(newest))
        version = str(int(newest) + 1)
        secret_file(self._path(version))
        return version

    def _path(self, version: str) -> Path:
        name = f"master-{version}.key"
        if not _NAME.fullmatch(name):
            msg = "a data key names no master key of this kind"
            raise MasterKeyUnavailable(msg)
        return self._folder / name
