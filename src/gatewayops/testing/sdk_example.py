"""SdkExample: the everything-server of the official Python SDK, from the SDK's source package.

The wheel does not hold it, so the source package of the very version that the lock pins is fetched by
pip, checked against the lock's hashes, and only the example's folder is unpacked. Both eras are served.
"""

import contextlib
import hashlib
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from gatewayops.testing.fetched_folder import fill_once
from gatewayops.testing.peer_process import PeerFailed, free_port, run_bounded, running

_FETCH_TIMEOUT_S = 300.0
_EXAMPLE = "examples/servers/everything-server"

# httptools leaves blanks at the end of header values, which h11 trims as RFC 9110 asks: with httptools
# the example fails a check of the conformance suite (sep-2243-server-accepts-whitespace-header-value).
_START = """\
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
sys.modules["httptools"] = None
runpy.run_module("mcp_everything_server", run_name="__main__", alter_sys=True)
"""


class SdkExample:
    """The everything-server that belongs to the `mcp` in a hash lock."""

    def __init__(self, lock: Path, cache_dir: Path) -> None:
        """`lock` is a pip requirements file with hashes that pins `mcp`."""
        self._pin = locked_entry(lock.read_text(), "mcp")
        self._folder = cache_dir / f"mcp-{hashlib.sha256(self._pin.encode()).hexdigest()[:16]}"

    def install(self) -> None:
        """Fetches and unpacks unless done before; safe when several start at once. Raises PeerFailed."""
        fill_once(self._folder, lambda draft: unpack_folder(self._fetch(draft), _EXAMPLE, draft / "server"))

    @contextlib.contextmanager
    def everything_server(self, log: Path) -> Iterator[str]:
        """Runs the server; gives its address."""
        port = free_port()
        command = [sys.executable, "-c", _START, str(self._folder / "server"), "--port", str(port)]
        with running(command, port=port, log=log):
            yield f"http://127.0.0.1:{port}/mcp"

    def _fetch(self, folder: Path) -> Path:
        pinned = folder / "pin.txt"
        pinned.write_text(self._pin)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        what = ["--no-deps", "--no-binary", "mcp", "--require-hashes", "--dest", str(folder)]
        try:
            run_bounded([*pip, *what, "--requirement", str(pinned)], timeout_s=_FETCH_TIMEOUT_S)
        except PeerFailed as error:
            msg = f"the SDK's source package could not be fetched; is the registry reachable?\n{error}"
            raise PeerFailed(msg) from error
        return next(folder.glob("mcp-*.tar.gz"))


def locked_entry(lock: str, package: str) -> str:
    """The lines of a pip lock that pin `package`, hashes included; PeerFailed when there are none."""
    lines = iter(lock.splitlines())
    for line in lines:
        if line.startswith(f"{package}=="):
            entry = [line]
            while entry[-1].endswith("\\"):
                entry.append(next(lines))
            return "\n".join(entry) + "\n"
    msg = f"the lock file does not pin {package}"
    raise PeerFailed(msg)


def unpack_folder(archive: Path, folder: str, into: Path) -> None:
    """Unpacks only the files of `*/folder/**` of a source package; none may lead out of `into`.

    By hand: tarfile's own filter against that is not in every Python 3.11.
    """
    with tarfile.open(archive) as package:
        for member in package.getmembers():
            _, found, rest = member.name.partition(f"/{folder}/")
            if not found or not member.isfile():
                continue
            target = (into / rest).resolve()
            if not target.is_relative_to(into.resolve()):
                msg = f"{archive.name} holds {member.name}, which leads out of its folder"
                raise PeerFailed(msg)
            content = package.extractfile(member)
            assert content is not None
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
    if not into.exists():
        msg = f"{archive.name} holds no {folder}"
        raise PeerFailed(msg)
