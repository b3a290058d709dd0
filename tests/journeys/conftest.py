"""One installation for all journeys that do not break it: `gatewayops up --demo`, as a user runs it."""

import time
from pathlib import Path

import pytest

from gatewayops.testing.installation import Installation
from gatewayops.testing.node_peers import NodePeers

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="package")
def installation(tmp_path_factory):
    data = tmp_path_factory.mktemp("installation") / "data"
    running = Installation(data, "--demo", takes_exports=True)
    running.start()
    yield running
    running.close()


@pytest.fixture
def own_installation(tmp_path):
    """An installation of the test's own, which it starts, breaks and stops."""
    own = Installation(tmp_path / "data", "--demo")
    yield own
    own.close()


@pytest.fixture(scope="session")
def eventually():
    """Asks until the answer is true, and gives it; what never becomes true fails the test."""

    def ask(question, *, within_s=60.0):
        give_up_at = time.monotonic() + within_s
        while not (answer := question()):
            assert time.monotonic() < give_up_at, f"still not true after {within_s:.0f} s"
            time.sleep(0.1)
        return answer

    return ask


@pytest.fixture(scope="session")
def node_peers():
    """Programs of others from npm, pinned by their lock."""
    peers = NodePeers(ROOT / "tests/node", ROOT / ".cache")
    peers.install()
    return peers
